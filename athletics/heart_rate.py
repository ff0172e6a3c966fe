"""How long a heart beat at which rate in one recording."""

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_STEP_S = 60.0
"""A longer step between samples is a pause of the device, and counts for no rate."""
SLOWEST_BPM, FASTEST_BPM = 20, 250
"""Rates beyond are errors of the sensor."""


@dataclass(frozen=True, slots=True)
class HeartRates:
    """Seconds at each rate from `lowest_bpm` on, one beat a minute after the other."""

    lowest_bpm: int
    seconds: list[float]


def heart_rates(
    time_s: Sequence[float], heart_rate_bpm: Sequence[float | None] | None
) -> HeartRates | None:
    """Sum up the time at each rate: from a sample to the next it is the sample's. None: no rates."""
    if heart_rate_bpm is None:
        return None
    at: dict[int, float] = {}
    for start, end, rate in zip(time_s, time_s[1:], heart_rate_bpm, strict=False):
        if rate is None or not SLOWEST_BPM <= rate <= FASTEST_BPM:
            continue
        if 0 < end - start <= LONGEST_STEP_S:
            beats = round(rate)
            at[beats] = at.get(beats, 0.0) + end - start
    if not at:
        return None
    lowest = min(at)
    return HeartRates(lowest, [round(at.get(rate, 0.0), 3) for rate in range(lowest, max(at) + 1)])
