"""The elevation gain of a recording: what its climbs add up to.

A climb goes from a low point to a high point of the smoothed heights (`athletics/grade_cost.py`),
and counts if it is higher than LEAST_CLIMB_M; a dip that is no deeper does not end it. So Strava
describes its own ("Elevation Gain", support.strava.com): smoothed heights, gains between turning
points, a threshold.
"""

from collections.abc import Iterable

LEAST_CLIMB_M = 2.0
"""Beyond the noise of smoothed altitudes, of a barometer as of GPS."""


def elevation_gain_m(heights_m: Iterable[float]) -> float:
    """Add up the climbs of a way with these heights, in order; 0 where there is none."""
    gained_m, is_climbing = 0.0, False
    low_m = high_m = None
    for height_m in heights_m:
        if low_m is None or high_m is None:
            low_m = high_m = height_m
        elif is_climbing:
            high_m = max(high_m, height_m)
            if high_m - height_m > LEAST_CLIMB_M:
                gained_m += high_m - low_m
                low_m, is_climbing = height_m, False
        else:
            low_m = min(low_m, height_m)
            if height_m - low_m > LEAST_CLIMB_M:
                high_m, is_climbing = height_m, True
    if is_climbing and low_m is not None and high_m is not None:
        gained_m += high_m - low_m
    return gained_m
