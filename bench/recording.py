"""A recording such as a watch makes in three hours, a sample a second. Its runner is invented."""

from math import exp, pi, sin
from random import Random

from db.stream_codec import Samples
from db.stream_encoding import rounded

SECONDS = 3 * 3600
_HOUR_S = 3600
_WARM_UP_S, _REPEAT_S, _HARD_S = 1200, 420, 240
_HARD_M_PER_S = 4.1
_STANDS = range(5400, 5475)  # at a crossing, recorded
_PAUSE_S, _PAUSED_AT = 410, 7600  # the watch was stopped
_STRAP_LOST = range(9000, 9090)


def three_hours(seed: int = 1) -> Samples:
    """Repeats at two paces over hills, with a stand, a pause and a strap that lost contact."""
    random = Random(seed)
    time_s, distance_m, rates, cadences, altitudes, powers = [], [], [], [], [], []
    meters, rate, drift = 0.0, 95.0, 0.0
    for second in range(SECONDS):
        stands = second in _STANDS
        drift = 0.97 * drift + random.gauss(0, 0.05)
        hill_m = 60 * sin(2 * pi * second / 4100) + 12 * sin(2 * pi * second / 900)
        wanted = _wanted_m_per_s(second)
        speed = 0.0 if stands else max(0.5, wanted + drift + random.gauss(0, 0.12))
        effort = (
            95 if stands else 95 + 75 * (1 - exp(-wanted / 2.6)) + 8 * (wanted == _HARD_M_PER_S)
        )
        rate += (effort - rate) / 35 + random.gauss(0, 0.35)
        meters += speed
        time_s.append(second + (_PAUSE_S if second >= _PAUSED_AT else 0))
        distance_m.append(meters)
        rates.append(None if second in _STRAP_LOST else rate)
        cadences.append(0.0 if stands else 78 + 3 * speed + random.gauss(0, 0.8))
        altitudes.append(140 + hill_m + random.gauss(0, 0.15))
        powers.append(0.0 if stands else 78 * speed + random.gauss(0, 9))
    north = [46 + 0.02 * sin(2 * pi * each / 9000) for each in distance_m]
    east = [7 + 0.03 * sin(4 * pi * each / 9000) for each in distance_m]
    return rounded(
        Samples(
            time_s, distance_m, rates, cadences, altitudes, powers, latitude=north, longitude=east
        )
    )


def first_hour(seed: int = 1) -> Samples:
    """The first hour of `three_hours`."""
    columns = three_hours(seed).columns()
    return rounded(Samples(**{name: column[:_HOUR_S] for name, column in columns.items()}))


def _wanted_m_per_s(second: int) -> float:
    if second < _WARM_UP_S or second > SECONDS - _WARM_UP_S:
        return 2.7
    return _HARD_M_PER_S if (second - _WARM_UP_S) % _REPEAT_S < _HARD_S else 2.4
