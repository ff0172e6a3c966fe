"""Memory of a caller's requests in progress, as it is estimated and bounded."""

from contextlib import ExitStack
from sys import getsizeof
from typing import Any

import orjson
import pytest

from web.limits.request_weight import FREE_BYTES, RequestWeights, TooMuchInProgress, weight_of

MB = 2**20


def taken(value: Any) -> int:
    """Bytes that Python takes for what was read of JSON."""
    below = value.items() if isinstance(value, dict) else ()
    inner = [each for _, each in below] if isinstance(value, dict) else value
    if not isinstance(inner, list):
        return getsizeof(value)
    return getsizeof(value) + sum(taken(each) for each in inner)


@pytest.mark.parametrize(
    "value",
    [
        [{}] * 5000,
        [[]] * 5000,
        [{"a": 1}] * 2500,
        [[[[]]]] * 1000,
        ["x" * 40] * 5000,
        list(range(1000, 9000)),
        ["\N{RUNNER}" + "x" * 1000] * 50,
        {f"name{number}": "" for number in range(5000)},
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_request_takes_no_more_than_it_weighs(value):
    text = orjson.dumps(value)
    read = taken(orjson.loads(text))
    assert read <= weight_of(text) < 12 * read
    assert weight_of(text) <= weight_of(text.decode()) + 4 * len(text)


def test_a_caller_has_so_much_at_once_and_others_their_own():
    weights = RequestWeights()
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(weights.held("a", MB, is_limited=True))
        with pytest.raises(TooMuchInProgress), weights.held("a", MB, is_limited=True):
            pass
        with weights.held("b", MB, is_limited=True), weights.held("a", MB, is_limited=False):
            pass
        with weights.held("a", FREE_BYTES, is_limited=True):
            pass
    with weights.held("a", 16 * MB, is_limited=True):
        pass
    assert weights.refused == 1
