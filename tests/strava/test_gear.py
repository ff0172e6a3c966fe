"""Strava's gear."""

import pytest

from strava.errors import StravaBadData
from strava.gear import parse_gear, shoes_id


@pytest.mark.parametrize(
    ("value", "found"),
    [("g123", "g123"), ("b123", None), ("g", None), ("g" + "1" * 19, None), (123, None)],
)
def test_shoes_are_told_from_bikes_by_their_id(value, found):
    assert shoes_id(value) == found


def test_gear_has_a_name_and_a_distance_where_strava_tells_them():
    gear = parse_gear({"id": "g1", "name": "Fast", "distance": 1500.5, "retired": True})
    assert (gear.name, gear.distance_m, gear.retired) == ("Fast", 1500.5, True)
    assert parse_gear({"id": "g1"}).distance_m is None


def test_gear_without_an_id_of_shoes_is_bad_data():
    with pytest.raises(StravaBadData, match="id"):
        parse_gear({"id": "b1", "name": "Bike"})
