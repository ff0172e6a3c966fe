"""JSON that is kept takes the room that it is long."""

import tracemalloc

import orjson
import pytest

from runtime.kept_json import kept_json

MANY = 200
EMPTY_BYTES = 64
"""What an object of Python takes beside its content."""


@pytest.mark.parametrize("length", [1, 300, 5000, 20_000])
def test_it_holds_no_more_than_it_is_long(length):
    value = {"a": "x" * length}
    tracemalloc.start()
    try:
        kept = [kept_json(value) for _ in range(MANY)]
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert set(kept) == {orjson.dumps(value)}
    assert held / MANY <= len(kept[0]) + EMPTY_BYTES


def test_other_values_are_written_as_they_are_told():
    assert kept_json({"a": 1j}, default=repr) == b'{"a":"1j"}'
