"""The same route again."""

from math import cos, pi, radians, sin
from random import Random

import pytest

from athletics.route import route_of
from athletics.same_route import cells_of, is_same_route

M_PER_DEGREE = 111_320.0


def lap(radius_m=800.0, *, center=(52.5, 13.4), begin=0.0, noise_m=0.0, seed=1, reverse=False):
    """The cells of a round of some 5 km, recorded each 10 m with noise."""
    random, steps = Random(seed), 500
    order = reversed(range(steps)) if reverse else range(steps)
    places = []
    for step in order:
        angle = begin + 2 * pi * step / steps
        north = radius_m * sin(angle) + random.gauss(0, noise_m)
        east = radius_m * cos(angle) + random.gauss(0, noise_m)
        longitude = center[1] + east / M_PER_DEGREE / cos(radians(center[0]))
        places.append((center[0] + north / M_PER_DEGREE, longitude))
    route = route_of(*zip(*places, strict=True))
    return cells_of(route.latitudes, route.longitudes)


@pytest.mark.parametrize("center", [(52.5, 13.4), (-33.9, -70.65), (64.1, -21.9), (0.0, 179.99)])
@pytest.mark.parametrize("seed", range(3))
def test_a_receivers_noise_makes_no_other_route(center, seed):
    one = lap(center=center, noise_m=8, seed=seed)
    other = lap(center=center, noise_m=8, seed=seed + 100, begin=1.0, reverse=True)
    assert is_same_route(one, other, 5020, 4950)


def test_another_length_is_another_route():
    assert is_same_route(lap(), lap(), 5000, 5250)
    assert not is_same_route(lap(), lap(), 5000, 5300)


def test_a_way_beside_it_is_another_route():
    assert not is_same_route(lap(), lap(1200.0), 5000, 5000)
    assert not is_same_route(lap(), lap(center=(52.505, 13.4)), 5000, 5000)
    assert not is_same_route(lap(), set(), 5000, 5000)


def test_a_part_is_another_route():
    whole = lap()
    part = set(sorted(whole)[: len(whole) // 2])
    assert not is_same_route(part, whole, 5000, 5000)
    assert not is_same_route(whole, part, 5000, 5000)
