"""Heart rates that FIT files keep apart from the samples, in `hr` messages.

Straps with a memory (swimming, connections that break) hand their beats over at the end. A message
with `event_timestamp`, in 1/1024 s of the strap's clock, anchors that clock to the time of the day;
those after it give 12 bits of the clock for each of their up to eight heart rates. The way to read
them is that of Garmin's "Plugin Framework: HR" in the FIT SDK.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from math import isnan

_TICKS = 1024.0
_BITS_12 = 1 << 12
_LONGEST_HELD_S = 5.0
_MOST_BEATS = 1_000_000


class StrapMemory:
    """Collects heart rates of a chain of FIT files, by time."""

    def __init__(self) -> None:
        self._ticks: int | None = None
        self._anchor_ticks = 0
        self._anchor_s = 0.0
        self._times = array("d")
        self._rates = array("d")

    def add(
        self,
        *,
        anchored_at_s: float | None,
        ticks: Sequence[int],
        packed: bytes,
        rates: Sequence[int | None],
    ) -> None:
        """Add one message; `anchored_at_s` is in seconds since 1970, `packed` has 12 bits each."""
        if ticks and anchored_at_s is not None:
            self._anchor_s, self._anchor_ticks, self._ticks = anchored_at_s, ticks[0], ticks[0]
            self._beats(ticks, rates)
        elif self._ticks is not None:
            self._beats(self._unpacked(packed), rates)

    def fill(self, times: Sequence[float], heart_rate_bpm: "array[float]") -> int:
        """Give each sample without a heart rate the last before it; returns how many got one."""
        if not self._times:
            return 0
        order = sorted(range(len(self._times)), key=self._times.__getitem__)
        known = [self._times[each] for each in order]
        filled = 0
        for index, time_s in enumerate(times):
            if not isnan(heart_rate_bpm[index]):
                continue
            # A sample of a whole second stands for all of it.
            place = bisect_right(known, time_s + 0.999) - 1
            if place >= 0 and time_s - known[place] <= _LONGEST_HELD_S:
                heart_rate_bpm[index] = self._rates[order[place]]
                filled += 1
        return filled

    def _beats(self, ticks: Sequence[int], rates: Sequence[int | None]) -> None:
        for tick, rate in zip(ticks, rates, strict=False):
            if rate and len(self._times) < _MOST_BEATS:
                self._times.append(self._anchor_s + (tick - self._anchor_ticks) / _TICKS)
                self._rates.append(float(rate))

    def _unpacked(self, packed: bytes) -> list[int]:
        """The clock at each beat: the low 12 bits are given, the others follow from the last."""
        word = int.from_bytes(packed, "little")
        found = []
        last = self._ticks or 0
        for place in range(len(packed) * 8 // 12):
            low = word >> (12 * place) & (_BITS_12 - 1)
            last += (low - last) % _BITS_12
            found.append(last)
        self._ticks = last
        return found
