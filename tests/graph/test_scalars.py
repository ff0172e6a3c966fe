"""Instants and days as callers write them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from graphql import GraphQLFloat, GraphQLObjectType, get_named_type
from sqlalchemy import Double

from graph.errors import InvalidScalar
from graph.mapping.row_type import Column, source_of
from graph.scalars import (
    SCALARS,
    decimals_of,
    format_floats,
    format_instant,
    format_local,
    parse_date,
    parse_instant,
    parse_local,
    rounded,
)
from graph.schema.build import build_schema


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-17T09:30:00Z", datetime(2026, 5, 17, 9, 30, tzinfo=UTC)),
        ("2026-05-17T11:30:00.5+02:00", datetime(2026, 5, 17, 9, 30, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_utc(text, instant):
    assert parse_instant(text) == instant
    assert parse_instant(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-17T09:30:00",
        "2026-05-17",
        "soon",
        "",
        "1899-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        1,
        None,
    ],
)
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(InvalidScalar, match="is not a DateTime"):
        parse_instant(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-30", "17.5.2026", "1899-12-31", "", 20260517, None,
        # as the specification says whose address the schema gives
        "2023-12-24T15:30:00", "2023-12-24T15:30:00Z", "2023-13-01", "2023-12-32", "2023-2-5", "23-12-24",
        "2023/12/24", "2001-02-29", "20240201", "2024-W05-4", "2024-032", "2024-02-01\n", "\uff12\uff10\uff12\uff14-02-01",
    ],
)  # fmt: skip
def test_what_is_no_day_is_refused(value):
    assert parse_date("2026-05-17") == date(2026, 5, 17)
    with pytest.raises(InvalidScalar, match="is not a Date"):
        parse_date(value)


def test_instants_are_written_in_utc_without_trailing_zeros():
    east = timezone(timedelta(hours=2))
    assert format_instant(datetime(2026, 5, 17, 11, 30, tzinfo=east)) == "2026-05-17T09:30:00Z"
    written = format_instant(datetime(2026, 5, 17, 11, 30, 0, 120_000, tzinfo=east))
    assert written == "2026-05-17T09:30:00.12Z"


def test_whole_numbers_have_no_decimals():
    answer = {"a": [1.0, 1.5], "b": {"c": -0.0, "d": 1e15}, "e": "1.0"}
    written = format_floats(answer)
    assert repr(written) == "{'a': [1, 1.5], 'b': {'c': 0, 'd': 1000000000000000.0}, 'e': '1.0'}"


# --- DateTime is what the specification says whose address the schema gives

SPECIFICATION = "https://scalars.graphql.org/chillicream/date-time.html"


def test_the_address_of_the_specification():
    assert SCALARS[datetime].specified_by_url == SPECIFICATION


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-12-24T15:30:00Z", datetime(2023, 12, 24, 15, 30, tzinfo=UTC)),
        ("2023-12-24t15:30:00z", datetime(2023, 12, 24, 15, 30, tzinfo=UTC)),
        ("2023-12-24T15:30:00+00:00", datetime(2023, 12, 24, 15, 30, tzinfo=UTC)),
        ("2023-12-24T15:30:00-05:00", datetime(2023, 12, 24, 20, 30, tzinfo=UTC)),
        ("2023-12-24T15:30:00.123Z", datetime(2023, 12, 24, 15, 30, 0, 123_000, tzinfo=UTC)),
        ("2023-12-24T15:30:00.1Z", datetime(2023, 12, 24, 15, 30, 0, 100_000, tzinfo=UTC)),
        ("2023-12-24T15:30:00.123456Z", datetime(2023, 12, 24, 15, 30, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T23:59:59.999999000+23:59", datetime(2024, 2, 29, 0, 0, 59, 999_999, tzinfo=UTC)),
        ("2023-12-24T15:30:00.123456000Z", datetime(2023, 12, 24, 15, 30, 0, 123_456, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_what_the_specification_accepts(text, expected):
    assert parse_instant(text) == expected
    assert parse_instant(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2023-12-24T15:30:00", "2023-12-24 15:30:00Z", "2023-12-24", "15:30:00Z", "2023-13-01T00:00:00Z",
        "2023-12-32T00:00:00Z", "2023-02-30T15:30:00Z", "2023-12-24T24:00:00Z", "2023-12-24T25:00:00Z",
        "2023-12-24T15:60:00Z", "2023-12-24T15:30:60Z", "2023-12-24T15:30:00.1234567890Z",
        "2023-12-24T15:30:00.Z", "2023-12-24T15:30:00+24:00", "2023-12-24T15:30:00+25:00",
        "2023-12-24T15:30:00+05:60", "2023-12-24T15:30:00 UTC", "2023-12-24T15:30:00+0100",
        "2023-12-24T15:30:00+01", "2023-12-24T15:30Z", "2024-W05-4T08:00:00Z", "2024-032T08:00:00Z",
        "20240201T080000Z", "2024-02-01T08:00:00.000+01:00:30", "2024-02-01T08:00:00,5Z",
        "2024-02-01T08:00:00Z\n", " 2024-02-01T08:00:00Z", "\uff12\uff10\uff12\uff14-02-01T08:00:00Z", "", "now", 1706774400,
        None, True, "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.9999999Z",
        # finer than six decimals: not to be rounded
        "2023-12-24T15:30:00.123456789+01:00", "2023-12-24T15:30:00.0000001Z",
    ],
)  # fmt: skip
def test_what_it_refuses(text):
    with pytest.raises(InvalidScalar):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-12-24T15:30:00", datetime(2023, 12, 24, 15, 30)),  # noqa: DTZ001
        ("2023-12-24t15:30:00.123", datetime(2023, 12, 24, 15, 30, 0, 123_000)),  # noqa: DTZ001
        ("2024-02-29T23:59:59.999999000", datetime(2024, 2, 29, 23, 59, 59, 999_999)),  # noqa: DTZ001
    ],
)
def test_local_times_that_the_specification_accepts(text, expected):
    assert parse_local(text) == expected
    assert parse_local(format_local(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2023-12-24T15:30:00Z", "2023-12-24T15:30:00+05:30", "2023-12-24 15:30:00", "2023-12-24T25:00:00",
        "2023-12-24T15:60:00", "2023-12-24T24:00:00", "2023-02-30T15:30:00", "2023-12-24T15:30:00.1234567890",
        "2023-12-24T15:30:00.123456789", "2023-12-24", "15:30:00", "2023-12-24T15:30:00\n", "1899-01-01T00:00:00", 1, None,
    ],
)  # fmt: skip
def test_local_times_that_it_refuses(text):
    with pytest.raises(InvalidScalar, match="is not a LocalDateTime"):
        parse_local(text)


# --- numbers


@pytest.mark.parametrize(
    ("name", "decimals"),
    [
        ("improvementSeconds", 3), ("elapsed_time_seconds", 3), ("distanceMeters", 3), ("seconds", 3),
        ("averagePaceSecondsPerKilometer", 3), ("averageSpeedMetersPerSecond", 3), ("percent", 6),
        ("ageFactor", 6), ("south", 6),
    ],
)  # fmt: skip
def test_decimals_of_a_field(name, decimals):
    assert decimals_of(name) == decimals


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (76.10500000000002, 76.105), (32467.300000000003, 32467.3), (0.1 + 0.2, 0.3), (-0.0004, 0.0),
        (1234.5675, 1234.568), (0.0625, 0.062), (9.9e11, 9.9e11), (1.7e308, 1.7e308), (-1.7e308, -1.7e308), (5e-324, 0.0),
    ],
)  # fmt: skip
def test_rounding_drops_noise(value, expected):
    assert rounded(value, 3) == expected


def test_every_number_of_a_column_is_rounded():
    """It is where the column's type is known, which SQLAlchemy does not infer of all expressions."""
    numbers = {
        (type_.name, name): source.made.type
        for type_ in build_schema().core.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, declared in type_.fields.items()
        if get_named_type(declared.type) is GraphQLFloat
        and isinstance(source := source_of(declared.extensions["strawberry-definition"]), Column)
    }
    assert len(numbers) > 60
    assert {name for name, type_ in numbers.items() if not isinstance(type_, Double)} == set()


@pytest.mark.parametrize("microsecond", [0, 1, 120_000, 999_999])
def test_results_are_inputs(microsecond):
    instant = datetime(2026, 5, 17, 9, 30, 0, microsecond, tzinfo=UTC)
    assert parse_instant(format_instant(instant)) == instant
