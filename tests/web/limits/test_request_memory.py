"""Memory of a caller's requests in progress, as it is estimated and bounded."""

import asyncio
from contextlib import ExitStack
from sys import getsizeof
from typing import Any

import orjson
import pytest

from tests.web.subscriber import JOB, web_socket
from web.limits import request_memory
from web.limits.request_memory import (
    FREE_BYTES,
    PER_OPERATION,
    RequestWeights,
    TooMuchInProgress,
    weight_of,
)

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
        for _ in range(8):
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


def test_a_caller_with_many_subscriptions_may_have_more():
    weights = RequestWeights(subscriptions=10_000)
    for _ in range(10_000):
        weights.take("a", PER_OPERATION + 1000, is_limited=True)
    for _ in range(10_000):
        weights.give_back("a", PER_OPERATION + 1000)
    weights.take("a", 10_000 * 4 * PER_OPERATION + 1, is_limited=True)
    with pytest.raises(TooMuchInProgress):
        weights.take("a", FREE_BYTES + 1, is_limited=True)


def test_the_heaviest_body_is_taken_where_little_else_is_in_progress():
    weights = RequestWeights()
    body = b"[" + b"1," * (2**17 - 2) + b"1]"
    with (
        weights.held("a", 3 * MB, is_limited=True),
        weights.held("a", weight_of(body), is_limited=True),
        pytest.raises(TooMuchInProgress),
        weights.held("a", MB, is_limited=True),
    ):
        pass


@pytest.mark.anyio
async def test_small_operations_of_websockets_count_together(serving, person, job, monkeypatch):
    """Each is small, but a socket has up to a hundred, and a caller up to fifty sockets."""
    monkeypatch.setattr(request_memory, "_LEAST_BYTES", 2 * PER_OPERATION)
    monkeypatch.setattr(request_memory, "_PER_SUBSCRIPTION", PER_OPERATION)
    address = serving(subscriptions_per_caller=1)
    async with web_socket(address) as one, web_socket(address) as other:
        for each in (one, other):
            await each.begin(Authorization=f"Bearer {person.token}")
        await one.subscribe(JOB, "1", id=job)
        await one.next()
        await other.subscribe(JOB + " " * 8 * PER_OPERATION, "2", id=job)
        assert await other.error_code() == "TOO_MANY_OPERATIONS"
        await one.send(type="complete", id="1")
        # what the first held is given back once it ended
        for number in range(3, 103):
            await other.subscribe(JOB, str(number), id=job)
            if (await other.receive())["type"] == "next":
                return
            await asyncio.sleep(0.05)
        pytest.fail("nothing was given back")
