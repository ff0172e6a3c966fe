"""What running up and down hill costs, as the distance on the level that costs the same.

Minetti et al. 2002, "Energy cost of walking and running at extreme uphill and downhill slopes",
J Appl Physiol 93: 1039-1046, gives the cost of running in J/(kg·m) as a polynomial of the gradient,
measured from -0.45 to 0.45. Steeper counts as these.
"""

from dataclasses import dataclass

import numpy as np

from athletics.columns import Column, Floats, floats

STEEPEST = 0.45
_POLYNOMIAL = (155.4, -30.4, -43.3, 46.3, 19.5, 3.6)
_STEP_M = 10.0
_AROUND = 2  # steps: heights are means over 50 m, gradients are over 40 m
_MOST_TOO_STEEP = 0.02
_LEAST_M = 100.0
_LONGEST_GAP_M = 200.0
_LONGEST_M = 2_000_000.0


def running_cost(gradient: Floats) -> Floats:
    """Cost of running in J/(kg·m) at each gradient, in meters up per meter."""
    gradient = np.clip(gradient, -STEEPEST, STEEPEST)
    cost = np.zeros(len(gradient))
    for factor in _POLYNOMIAL:
        cost = cost * gradient + factor
    return cost


@dataclass(frozen=True, slots=True)
class HeightProfile:
    """Heights and level distances at each 10 m of a way, both from its start."""

    height_m: list[float]
    level_m: list[float]

    def climb_m(self, start_m: float, end_m: float) -> float:
        """How much higher the end is than the start."""
        return _at(self.height_m, end_m) - _at(self.height_m, start_m)

    def level_distance_m(self, start_m: float, end_m: float) -> float:
        """The distance on the level that costs as much as the way from start to end."""
        return _at(self.level_m, end_m) - _at(self.level_m, start_m)


def height_profile(position_m: Column, altitude_m: Column) -> HeightProfile | None:
    """Make a profile of altitudes, which are along positions that never fall.

    None where they are not sound: over less than 100 m, unknown over 200 m or more, or steeper than
    any slope that was measured over more than 2 % of the way.
    """
    way, heights = _once_each(floats(position_m), floats(altitude_m))
    if len(way) < 2 or not _LEAST_M <= way[-1] - way[0] <= _LONGEST_M:  # noqa: PLR2004
        return None
    if np.diff(way).max() >= _LONGEST_GAP_M or way[0] >= _LONGEST_GAP_M:
        return None
    smooth = _smoothed(_resampled(way, heights))
    gradients = _gradients(smooth)
    if np.count_nonzero(np.abs(gradients) > STEEPEST) > _MOST_TOO_STEEP * len(gradients):
        return None
    costs = _STEP_M * running_cost(gradients) / running_cost(np.zeros(1))
    return HeightProfile(smooth.tolist(), [0.0, *np.cumsum(costs).tolist()])


def _once_each(position_m: Floats, altitude_m: Floats) -> tuple[Floats, Floats]:
    """The positions without repetition, and the first altitude at each."""
    is_new = np.ones(len(position_m), bool)
    is_new[1:] = position_m[1:] > position_m[:-1]
    return position_m[is_new], altitude_m[is_new]


def _resampled(way: Floats, heights: Floats) -> Floats:
    """Heights at 0, 10, 20 m … up to the first step at or beyond the end."""
    at_m = np.arange(int(way[-1] // _STEP_M) + 2) * _STEP_M
    after = np.searchsorted(way, at_m)
    within = np.clip(after, 1, len(way) - 1)
    share = (at_m - way[within - 1]) / (way[within] - way[within - 1])
    found = heights[within - 1] + share * (heights[within] - heights[within - 1])
    found[after == 0] = heights[0]
    found[after == len(way)] = heights[-1]
    return found


def _smoothed(heights: Floats) -> Floats:
    sums = np.append(0.0, np.cumsum(heights))
    step = np.arange(len(heights))
    # The same number on both sides, or the ends would be drawn to the middle.
    around = np.minimum(_AROUND, np.minimum(step, len(heights) - 1 - step))
    means: Floats = (sums[step + around + 1] - sums[step - around]) / (2 * around + 1)
    return means


def _gradients(heights: Floats) -> Floats:
    """The gradient of each step."""
    last = len(heights) - 1
    step = np.arange(last)
    low, high = np.maximum(0, step - _AROUND + 1), np.minimum(last, step + _AROUND)
    gradients: Floats = (heights[high] - heights[low]) / (_STEP_M * (high - low))
    return gradients


def _at(values: list[float], position_m: float) -> float:
    step = min(max(0.0, position_m / _STEP_M), len(values) - 1.0)
    before = int(step)
    if before == len(values) - 1:
        return values[before]
    return values[before] + (step - before) * (values[before + 1] - values[before])
