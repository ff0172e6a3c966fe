"""Checks of values that callers pass."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from graph.errors import InvalidArgument, OutOfRange
from graph.input_checks import checked_texts, in_utc


def test_an_instant_needs_an_offset():
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert in_utc(noon) == datetime(2026, 1, 1, 10, tzinfo=UTC)
    with pytest.raises(ValueError):
        in_utc(datetime(2026, 1, 1, 12))  # noqa: DTZ001 - that is what is refused


def test_texts_are_bounded_in_number_and_length():
    check = {"max_length": 3, "max_count": 2}
    assert checked_texts(None, "names", **check) is None
    assert checked_texts([" a ", "abc"], "names", **check) == ["a", "abc"]
    with pytest.raises(OutOfRange, match="names"):
        checked_texts(["a", "b", "c"], "names", **check)
    with pytest.raises(OutOfRange, match="names"):
        checked_texts(["abcd"], "names", **check)
    with pytest.raises(InvalidArgument, match="names"):
        checked_texts(["\x00"], "names", **check)
