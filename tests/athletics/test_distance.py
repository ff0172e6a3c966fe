import pickle

import pytest

from athletics.distance import (
    StandardDistance,
    nearest_standard_distance,
    standard_distance_of_strava,
)
from athletics.sport import is_run


def test_distances_are_declared_shortest_first():
    meters = [distance.meters for distance in StandardDistance]
    assert meters == sorted(meters)
    assert len(meters) == 16


def test_a_distance_is_its_name_and_survives_pickling():
    assert [str(distance) for distance in StandardDistance] == [
        distance.name for distance in StandardDistance
    ]
    assert pickle.loads(pickle.dumps(StandardDistance.MILE1)).meters == 1609.344


@pytest.mark.parametrize(
    ("strava_m", "expected"),
    [
        (400, "M400"),
        (805, None),
        (1000, "KM1"),
        (1609, "MILE1"),
        (3219, "MILE2"),
        (5000, "KM5"),
        (10000, "KM10"),
        (15000, "KM15"),
        (16090, "MILE10"),
        (16093, "MILE10"),
        (20000, "KM20"),
        (21097, "HALF_MARATHON"),
        (30000, "KM30"),
        (42195, "MARATHON"),
        (50000, "KM50"),
        (8047, None),
        (0, None),
    ],
)
def test_strava_lengths_map_to_standard_distances(strava_m, expected):
    assert standard_distance_of_strava(strava_m) == expected


def test_nearest_prefers_the_shorter_of_two_equally_near():
    assert nearest_standard_distance(600) is StandardDistance.M400
    assert nearest_standard_distance(41000) is StandardDistance.MARATHON
    assert nearest_standard_distance(1e9) is StandardDistance.KM50


@pytest.mark.parametrize("sport_type", ["Run", "TrailRun", "VirtualRun"])
def test_runs(sport_type):
    assert is_run(sport_type)


@pytest.mark.parametrize("sport_type", ["Ride", "Walk", "run", "", "MoonRun"])
def test_everything_else_is_no_run(sport_type):
    assert not is_run(sport_type)
