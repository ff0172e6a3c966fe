"""Measure all best efforts of a 3-hour run recorded each second: `python -m bench.best_efforts`.

Prints the median, minimum and maximum in milliseconds for clean, whole-meter, noisy and paused
tracks. Exits with 1 if a median is above the limit.
"""

import sys
from collections.abc import Callable
from math import sin
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also when run as a file

from athletics.best_effort import best_efforts

LIMIT_MS = 60.0
SAMPLES = 10_801
ROUNDS = 15
SPEED_M_PER_S = 3.3
STOPS_PER_SAMPLE = 0.001

Track = tuple[list[float], list[float]]


def clean() -> Track:
    seconds = [float(second) for second in range(SAMPLES)]
    return seconds, [SPEED_M_PER_S * second for second in seconds]


def whole_meters() -> Track:
    seconds, meters = clean()
    return seconds, [float(round(at)) for at in meters]


def noisy() -> Track:
    """A pace that drifts and varies, recorded in decimetres."""
    random, meters = Random(1), [0.0]
    for second in range(1, SAMPLES):
        step_m = SPEED_M_PER_S + 0.5 * sin(second / 300) + random.gauss(0, 0.5)
        meters.append(round(meters[-1] + max(0.0, step_m), 1))
    return clean()[0], meters


def paused() -> Track:
    """Stands for 50 s of every 1,000 s, with occasional gaps in the recording."""
    random, seconds, meters = Random(2), [0.0], [0.0]
    for sample in range(1, SAMPLES):
        gap_s = random.randrange(5, 200) if random.random() < STOPS_PER_SAMPLE else 0
        step_m = 0.0 if sample // 50 % 20 == 0 else max(0.0, random.gauss(SPEED_M_PER_S, 0.4))
        seconds.append(seconds[-1] + 1 + gap_s)
        meters.append(meters[-1] + step_m)
    return seconds, meters


def milliseconds(track: Track) -> list[float]:
    times_ms = []
    for _ in range(ROUNDS):
        began_s = perf_counter()
        best_efforts(*track)
        times_ms.append((perf_counter() - began_s) * 1000)
    return times_ms


def main() -> int:
    tracks: list[Callable[[], Track]] = [clean, whole_meters, noisy, paused]
    medians_ms = []
    for track in tracks:
        times_ms = milliseconds(track())
        medians_ms.append(median(times_ms))
        low, middle, high = min(times_ms), median(times_ms), max(times_ms)
        print(f"{track.__name__:13} median {middle:6.1f} ms   min {low:6.1f}   max {high:6.1f}")
    return int(max(medians_ms) > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
