"""Routes as few points that draw a run."""

from itertools import pairwise
from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athletics.route import TOLERANCE_M
from athletics.route import route_of as route_of_samples


def route_of(latitude, longitude):
    """The points' places; each is the first sample there since the last point."""
    latitudes, longitudes, samples = lists_of(latitude, longitude)
    for north, east, sample in zip(latitudes, longitudes, samples, strict=True):
        place = (latitude[sample], longitude[sample])
        assert place == pytest.approx((north / 1e6, east / 1e6), abs=1e-9)
    assert samples == sorted(set(samples))
    return list(zip(latitudes, longitudes, strict=True))


def lists_of(latitude, longitude):
    return [column.tolist() for column in route_of_samples(latitude, longitude)]


def degrees(points):
    return [y / 1e6 for y, _ in points], [x / 1e6 for _, x in points]


def test_a_straight_line_has_two_points_for_each_cell_of_50_m():
    line = [(45_000_000 + 10 * step, 8_000_000) for step in range(271)]
    points = route_of(*degrees(line))
    assert (points[0], points[-1]) == (line[0], line[-1])
    assert len(points) in {13, 14}  # 300 m
    assert set(points) <= set(line)


def test_a_corner_is_kept():
    way = [(0, 0), (0, 100), (0, 200), (100, 200), (200, 200)]
    assert route_of(*degrees(way)) == [(0, 0), (0, 200), (200, 200)]


def test_what_lies_elsewhere_does_not_change_the_points_of_a_cell():
    way = [(45_000_000 + 90 * step, 8_000_000 + 40 * (step % 3)) for step in range(60)]
    whole = route_of(*degrees(way))
    for cut in range(0, 55, 5):
        rest = route_of(*degrees(way[cut:]))
        beyond = [point for point in rest if point[0] >= way[cut][0] + 450]
        assert beyond == [point for point in whole if point[0] >= way[cut][0] + 450]


@pytest.mark.parametrize("way", [[], [(5, 5)], [(5, 5)] * 3])
def test_fewer_than_two_places_are_no_route(way):
    assert route_of(*degrees(way)) == []


def test_samples_without_a_position_are_left_out():
    route = lists_of([0.0, None, 0.0, 0.0005], [0.0, None, 0.0, 0.0])
    assert route == [[0, 500], [0, 0], [0, 3]]


WAYS = st.lists(
    st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000)), min_size=2, max_size=40
)


@given(WAYS, st.sampled_from([(0, 0), (60_000_000, 10_000_000), (-33_000_000, 179_999_000)]))
def test_no_place_is_off_the_route_and_each_point_was_recorded(way, origin):
    places = [
        (origin[0] + y, (origin[1] + x + 180_000_000) % 360_000_000 - 180_000_000) for y, x in way
    ]
    points = route_of(*degrees(places))
    if not points:
        assert len(set(places)) == 1
        return
    assert (points[0], points[-1]) == (places[0], places[-1])
    assert set(points) <= set(places)
    steps = list(pairwise(points))
    for place in places:
        assert min(off(place, *step) for step in steps) <= TOLERANCE_M + 0.3


def off(place, one, two) -> float:
    """Distance of a place from a step, in meters."""
    narrow = cos(radians(one[0] / 1e6)) * 0.11132
    around = lambda x: (x + 540_000_000) % 360_000_000 - 180_000_000  # noqa: E731
    ex, ey = around(two[1] - one[1]) * narrow, (two[0] - one[0]) * 0.11132
    px, py = around(place[1] - one[1]) * narrow, (place[0] - one[0]) * 0.11132
    length = ex * ex + ey * ey
    share = min(1.0, max(0.0, (px * ex + py * ey) / length)) if length else 0.0
    return hypot(px - share * ex, py - share * ey)
