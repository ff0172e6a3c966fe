"""How long a heart beat at which rate in one recording; `athletics/heart_rate_times.py` sums it up."""

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
