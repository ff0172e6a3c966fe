"""What a soak takes for flat."""

import pytest

from bench.soak_samples import Series

FLAT = [
    ("MB", [50.0] * 10 + [100.0] * 10 + [109.0] * 10),
    ("MB", [1.0] * 20 + [10.0] * 10),
    ("files", [7.0] * 30),
    ("", [10.0, 400.0, 20.0] * 10),
]
GROWING = [
    ("MB", [100.0] * 10 + [120.0] * 10 + [140.0] * 10),
    ("files", [20.0 + 3 * each for each in range(30)]),
    ("", [100.0 + 20 * each for each in range(30)]),
]


@pytest.mark.parametrize(("unit", "values"), FLAT)
def test_what_stays_is_flat(unit, values):
    assert Series("memory", unit, values).is_flat


@pytest.mark.parametrize(("unit", "values"), GROWING)
def test_what_grows_is_not(unit, values):
    assert not Series("memory", unit, values).is_flat
