"""Where in a run an effort lies, with its average heart rate: what marks it in a chart."""

from collections.abc import Sequence

import numpy as np

from athletics.columns import Column, floats
from athletics.heart_rate import FASTEST_BPM, LONGEST_STEP_S, SLOWEST_BPM
from athletics.track import NM_PER_M, Track

_LEAST_KNOWN = 0.5
"""Share of an effort's time whose heart rate has to be known."""


def starts_m(track: Track, offsets_s: Sequence[float]) -> list[float | None]:
    """The meters from the start of the run to each time, on the scale of the activity's distance.

    None where the track has no place at that time.
    """
    found: list[float | None] = [None] * len(offsets_s)
    for piece in reversed(track.pieces):  # of two that share a time the first counts
        first_s, last_s = float(piece.time_s[0]), float(piece.time_s[-1])
        places_nm = np.interp(offsets_s, piece.time_s, piece.position_nm).tolist()
        for number, (offset_s, place_nm) in enumerate(zip(offsets_s, places_nm, strict=True)):
            if first_s <= offset_s <= last_s:
                found[number] = max(0.0, place_nm) / NM_PER_M
    return found


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

    def between(self, spans_s: Sequence[tuple[float, float]]) -> list[float | None]:
        """The means in beats per minute from one time to another, of each span.

        None where less than half of the time has a rate, and where the samples are not in order.
        """
        if not self._is_in_order or not spans_s:
            return [None] * len(spans_s)
        known_s, beats = (
            np.diff(np.interp(spans_s, self._time_s, summed)).ravel().tolist()
            for summed in (self._known_s, self._beats)
        )
        return [
            beaten / of_s if of_s > 0 and of_s >= _LEAST_KNOWN * (end_s - start_s) else None
            for (start_s, end_s), of_s, beaten in zip(spans_s, known_s, beats, strict=True)
        ]
