"""The time zone of an activity that a file recorded."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.imports.activity_zone import local_time, zone_of_neighbor
from strava.time_zone import offset_at

SUMMER = datetime(2026, 7, 1, 18, 30, tzinfo=UTC)
TWO_HOURS, FIVE_HOURS = 7_200, 18_000


@pytest.mark.parametrize(
    ("offset_s", "neighbor", "zone"),
    [
        (None, "Europe/Berlin", "Europe/Berlin"),
        (TWO_HOURS, "Europe/Berlin", "Europe/Berlin"),
        (None, None, "UTC"),
        (0, None, "UTC"),
    ],
)
def test_on_a_treadmill_it_is_the_neighbors_unless_the_clock_says_no(offset_s, neighbor, zone):
    assert zone_of_neighbor(SUMMER, offset_s, neighbor) == zone


@pytest.mark.parametrize("neighbor", ["Europe/Berlin", None])
def test_where_the_clock_tells_another_offset_the_zone_has_that_one(neighbor):
    zone = zone_of_neighbor(SUMMER, FIVE_HOURS, neighbor)
    assert offset_at(SUMMER, zone) == timedelta(seconds=FIVE_HOURS)


def test_the_wall_time_is_that_of_the_files_clock_if_it_has_one():
    assert local_time(SUMMER, "Europe/Berlin") == datetime(2026, 7, 1, 20, 30)  # noqa: DTZ001
    assert local_time(SUMMER, "Europe/Berlin", FIVE_HOURS) == datetime(2026, 7, 1, 23, 30)  # noqa: DTZ001
