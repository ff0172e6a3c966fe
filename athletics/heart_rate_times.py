"""Sums up how long a heart beat at which rate in one recording."""

import numpy as np

from athletics.columns import Column, floats
from athletics.heart_rate import FASTEST_BPM, LONGEST_STEP_S, SLOWEST_BPM, HeartRates


def heart_rates(time_s: Column, heart_rate_bpm: Column | None) -> HeartRates | None:
    """Sum up the time at each rate: from a sample to the next it is the sample's.

    None: no rates.
    """
    if heart_rate_bpm is None:
        return None
    step_s, rates = np.diff(floats(time_s)), floats(heart_rate_bpm)[:-1]
    counts = (rates >= SLOWEST_BPM) & (rates <= FASTEST_BPM)
    counts &= (step_s > 0) & (step_s <= LONGEST_STEP_S)
    if not counts.any():
        return None
    beats = np.rint(rates[counts]).astype(np.int64)
    lowest = int(beats.min())
    seconds = np.bincount(beats - lowest, weights=step_s[counts])
    return HeartRates(lowest, [round(each, 3) for each in seconds.tolist()])
