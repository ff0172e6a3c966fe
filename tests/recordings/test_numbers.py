"""Numbers and times as files write them."""

from datetime import UTC, datetime

import pytest

from recordings.numbers import number, unix_time


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("-3e2", -300.0),
        (None, None),
        ("", None),
        ("1_000", None),
        ("1,5,2", None),
        ("fast", None),
        ("NaN", None),
        ("1e999", None),
        ("1" * 65, None),
    ],
)
def test_a_number_may_have_a_decimal_comma(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "when"),
    [
        (" 2024-05-01T08:00:00 ", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01T08:00:00+02:00", datetime(2024, 5, 1, 6, tzinfo=UTC)),
        ("2024-05-01T24:00:00Z", datetime(2024, 5, 2, tzinfo=UTC)),
        ("2024-06-30T23:59:60Z", datetime(2024, 7, 1, tzinfo=UTC)),
        ("2024-02-31T24:00:00Z", None),
        ("2024-05-01T25:00:60Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("2024-05-01T08:00:00" + " " * 60 + "Z", None),
        ("1989-12-31T23:59:59Z", None),
        ("2100-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_is_of_a_device_that_had_a_clock(text, when):
    assert unix_time(text) == (when and when.timestamp())
