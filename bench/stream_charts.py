"""Draw all samples of a recording beside its streams of 500 points: `make pictures`.

Writes docs/streams.svg, and prints how far the two are apart.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.recording import three_hours
from bench.serving import ROOT
from db.chart_samples import StoredStreams, StreamsRequest
from db.stored_levels import encode_samples

POINTS = 500
WINDOW_S = 30
"""Seconds around a moment that its pace is that of; the pace of single seconds is noise."""
MAX_PACE_S, MAX_RATE = 60.0, 5.0
_PICTURE = ROOT / "docs" / "streams.svg"
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 430, 150, 48, 36, 34
_SLOWEST_S = 600  # a kilometer; what is slower is drawn there

Curve = Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Drawn:
    """Columns that a chart has, and the places after which no line is drawn."""

    time_s: Sequence[float]
    distance_m: Sequence[float]
    rates: Sequence[float | None]
    gaps: Sequence[int]

    def pace_at(self, second: float) -> float | None:
        """Pace in seconds a kilometer around a moment. None: at rest, or in a gap."""
        start, end = second - WINDOW_S / 2, second + WINDOW_S / 2
        bounds = self.time_s[0], self.time_s[-1]
        start, end = max(start, bounds[0]), min(end, bounds[1])
        meters = self._between(self.distance_m, end) - self._between(self.distance_m, start)
        pace_s = 1000 * (end - start) / meters if meters > 0 else _SLOWEST_S
        return min(pace_s, _SLOWEST_S)

    def rate_at(self, second: float) -> float | None:
        """Heart rate at a moment. None: not recorded."""
        place = self._place(second)
        if place + 1 == len(self.time_s):
            return self.rates[place]
        if self.rates[place] is None or self.rates[place + 1] is None:
            return None
        return self._between(self.rates, second)

    def _place(self, second: float) -> int:
        return max(0, bisect_right(self.time_s, second) - 1)

    def _between(self, column: Sequence[float | None], second: float) -> float:
        place = self._place(second)
        before = column[place] or 0.0
        if place + 1 == len(self.time_s):
            return before
        after, (start, end) = column[place + 1] or 0.0, self.time_s[place : place + 2]
        return before + (after - before) * (second - start) / (end - start)


def columns_of(points: int) -> Drawn:
    """Choose the points of the recording."""
    samples = three_hours()
    encoded = encode_samples(samples)
    packed = next((each.samples for each in encoded.levels if each.points >= points), None)
    stored = StoredStreams(
        len(samples.time_s), packed or encoded.samples, None if packed else encoded.marks
    )
    found = stored.choose(StreamsRequest(points), ("time_s", "distance_m", "heart_rate_bpm"))
    time_s, distance_m, rates = found.columns.values()
    return Drawn(time_s or [], distance_m or [], rates or [], found.gaps)


def differences(every: Drawn, few: Drawn) -> tuple[list[float], list[float]]:
    """Compute how far the pace and the heart rate of two charts are apart, at each sample."""
    paces, rates = [], []
    for second in every.time_s:
        ours, theirs = few.pace_at(second), every.pace_at(second)
        if ours is not None and theirs is not None:
            paces.append(abs(ours - theirs))
        shown, recorded = few.rate_at(second), every.rate_at(second)
        if shown is not None and recorded is not None:
            rates.append(abs(shown - recorded))
    return paces, rates


def picture(every: Drawn, few: Drawn) -> str:
    """Write the picture: all samples on the left, the chosen points on the right."""
    parts = [_text(_LEFT, 20, f"All {len(every.time_s):,} samples: pace in min/km, heart rate"),
             _text(_LEFT + _WIDTH + _GAP, 20, f"streams(maxPoints: {len(few.time_s)})")]  # fmt: skip
    for column, drawn in enumerate((every, few)):
        left = _LEFT + column * (_WIDTH + _GAP)
        paces = [(second, drawn.pace_at(second)) for second in drawn.time_s]
        parts += _panel(left, _TOP, drawn, paces, (600, 200))
        rates = list(zip(drawn.time_s, drawn.rates, strict=True))
        parts += _panel(left, _TOP + _HEIGHT + 24, drawn, rates, (80, 190))
    width, height = _LEFT + 2 * _WIDTH + _GAP + 8, _TOP + 2 * _HEIGHT + 44
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="#333">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(
    left: float, top: float, drawn: Drawn, curve: Curve, limits: tuple[float, float]
) -> Iterator[str]:
    low, high = limits
    color = "#1766c2" if low > high else "#c2273a"
    for step in range(5):
        value, y = low + (high - low) * step / 4, top + _HEIGHT * (1 - step / 4)
        yield f'<path d="M{left} {y:g}h{_WIDTH}" stroke="#ddd"/>'
        if left == _LEFT:
            label = f"{value // 60:.0f}:{value % 60:02.0f}" if low > high else f"{value:.0f}"
            yield _text(12, y + 4, label)
    last_s = drawn.time_s[-1]
    path, is_down, known = [], False, ""
    for place, (second, value) in enumerate(curve):
        if value is None:
            is_down = False
            continue
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        at = f"{left + _WIDTH * second / last_s:.1f} {top + _HEIGHT * (1 - share):.1f}"
        if at != known or not is_down:
            path.append(f"{'L' if is_down else 'M'}{at}")
        known, is_down = at, place not in drawn.gaps
    yield f'<path d="{"".join(path)}" fill="none" stroke="{color}" stroke-width=".8"/>'


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{words}</text>'


def main() -> int:
    every, few = columns_of(10**6), columns_of(POINTS)
    paces, rates = differences(every, few)
    _PICTURE.write_text(picture(every, few))
    for name, found, unit in (("pace", paces, "s/km"), ("heart rate", rates, "beats a minute")):
        ordered = sorted(found)
        print(
            f"{name}: at most {ordered[-1]:.1f} {unit} apart, {ordered[len(ordered) * 99 // 100]:.1f} "
            f"for 99 of 100 samples, {sum(found) / len(found):.2f} on average"
        )
    longest_s = max(after - before for before, after in pairwise(few.time_s))
    print(f"{len(few.time_s)} of {len(every.time_s):,} samples, at most {longest_s:g} s apart")
    return int(max(paces) > MAX_PACE_S or max(rates) > MAX_RATE)


if __name__ == "__main__":
    sys.exit(main())
