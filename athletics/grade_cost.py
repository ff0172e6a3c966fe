"""What running up and down hill costs, as the distance on the level that costs the same.

Minetti et al. 2002, "Energy cost of walking and running at extreme uphill and downhill slopes",
J Appl Physiol 93: 1039-1046, gives the cost of running in J/(kg·m) as a polynomial of the gradient,
measured from -0.45 to 0.45. Steeper counts as these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

STEEPEST = 0.45
_POLYNOMIAL = (155.4, -30.4, -43.3, 46.3, 19.5, 3.6)
_STEP_M = 10.0
_AROUND = 2  # steps: heights are means over 50 m, gradients are over 40 m
_MOST_TOO_STEEP = 0.02
_LEAST_M = 100.0
_LONGEST_GAP_M = 200.0
_LONGEST_M = 2_000_000.0


def running_cost(gradient: float) -> float:
    """Cost of running in J/(kg·m); `gradient` is meters up per meter."""
    gradient = min(STEEPEST, max(-STEEPEST, gradient))
    cost = 0.0
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


def height_profile(
    position_m: Sequence[float], altitude_m: Sequence[float]
) -> HeightProfile | None:
    """Make a profile of altitudes, which are along positions that never fall.

    None where they are not sound: over less than 100 m, unknown over 200 m or more, or steeper than
    any slope that was measured over more than 2 % of the way.
    """
    way, heights = _once_each(position_m, altitude_m)
    if len(way) < 2 or not _LEAST_M <= way[-1] - way[0] <= _LONGEST_M:  # noqa: PLR2004
        return None
    if max(b - a for a, b in pairwise(way)) >= _LONGEST_GAP_M:
        return None
    if way[0] >= _LONGEST_GAP_M:
        return None
    smooth = _smoothed(_resampled(way, heights))
    gradients = _gradients(smooth)
    if sum(abs(each) > STEEPEST for each in gradients) > _MOST_TOO_STEEP * len(gradients):
        return None
    flat = running_cost(0.0)
    costs = (_STEP_M * running_cost(each) / flat for each in gradients)
    return HeightProfile(smooth, list(accumulate(costs, initial=0.0)))


def _once_each(
    position_m: Sequence[float], altitude_m: Sequence[float]
) -> tuple[list[float], list[float]]:
    """The positions without repetition, and the first altitude at each."""
    way: list[float] = []
    heights: list[float] = []
    for position, altitude in zip(position_m, altitude_m, strict=True):
        if not way or position > way[-1]:
            way.append(position)
            heights.append(altitude)
    return way, heights


def _resampled(way: list[float], heights: list[float]) -> list[float]:
    """Heights at 0, 10, 20 m … up to the first step at or beyond the end."""
    found, after = [], 0
    for step in range(int(way[-1] // _STEP_M) + 2):
        at_m = step * _STEP_M
        while after < len(way) and way[after] < at_m:
            after += 1
        if after == 0:
            found.append(heights[0])
        elif after == len(way):
            found.append(heights[-1])
        else:
            share = (at_m - way[after - 1]) / (way[after] - way[after - 1])
            found.append(heights[after - 1] + share * (heights[after] - heights[after - 1]))
    return found


def _smoothed(heights: list[float]) -> list[float]:
    sums = [0.0, *accumulate(heights)]
    last = len(heights)
    smooth = []
    for step in range(last):
        # The same number on both sides, or the ends would be drawn to the middle.
        around = min(_AROUND, step, last - 1 - step)
        smooth.append((sums[step + around + 1] - sums[step - around]) / (2 * around + 1))
    return smooth


def _gradients(heights: list[float]) -> list[float]:
    """The gradient of each step."""
    last = len(heights) - 1
    return [
        (heights[high] - heights[low]) / (_STEP_M * (high - low))
        for low, high in (
            (max(0, step - _AROUND + 1), min(last, step + _AROUND)) for step in range(last)
        )
    ]


def _at(values: list[float], position_m: float) -> float:
    step = min(max(0.0, position_m / _STEP_M), len(values) - 1.0)
    before = int(step)
    if before == len(values) - 1:
        return values[before]
    return values[before] + (step - before) * (values[before + 1] - values[before])
