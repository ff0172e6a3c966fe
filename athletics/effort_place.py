"""Where in a run an effort lies, with its average heart rate: what marks it in a chart."""

import numpy as np

from athletics.columns import Column, floats
from athletics.heart_rate import FASTEST_BPM, LONGEST_STEP_S, SLOWEST_BPM
from athletics.track import NM_PER_M, Track

_LEAST_KNOWN = 0.5
"""Share of an effort's time whose heart rate has to be known."""


def start_m(track: Track, start_offset_s: float) -> float | None:
    """The meters from the start of the run to a time, on the scale of the activity's distance.

    None where the track has no place at that time.
    """
    for piece in track.pieces:
        if piece.time_s[0] <= start_offset_s <= piece.time_s[-1]:
            place_nm = np.interp(start_offset_s, piece.time_s, piece.position_nm)
            return max(0.0, float(place_nm)) / NM_PER_M
    return None


class HeartRateMeans:
    """Means of one recording's heart rates, weighted by time.

    As in `heart_rate_times`, a sample's rate counts up to the next one, and steps that are pauses
    of the device or rates that are errors of the sensor do not.
    """

    def __init__(self, time_s: Column, heart_rate_bpm: Column) -> None:
        self._time_s, rates = floats(time_s), floats(heart_rate_bpm)[:-1]
        step_s = np.diff(self._time_s)
        self._is_in_order = bool((step_s >= 0).all())
        is_known = (rates >= SLOWEST_BPM) & (rates <= FASTEST_BPM) & (step_s <= LONGEST_STEP_S)
        known_s = np.where(is_known, step_s, 0.0)
        self._known_s = np.concatenate(((0.0,), np.cumsum(known_s)))
        self._beats = np.concatenate(((0.0,), np.cumsum(known_s * np.where(is_known, rates, 0.0))))

    def between(self, start_s: float, end_s: float) -> float | None:
        """The mean in beats per minute from one time to another.

        None where less than half of the time has a rate, and where the samples are not in order.
        """
        if not self._is_in_order:
            return None
        sums = (
            np.interp((start_s, end_s), self._time_s, summed).tolist()
            for summed in (self._known_s, self._beats)
        )
        known_s, beats = (until - since for since, until in sums)
        if known_s <= 0 or known_s < _LEAST_KNOWN * (end_s - start_s):
            return None
        return beats / known_s
