"""Training load: what each day asked of the heart, and what follows over weeks.

TRIMP, the training impulse (Banister 1991, "Modeling Elite Athletic Performance", in: Physiological
Testing of Elite Athletes, Human Kinetics; the weights are those of Morton, Fitz-Clarke and Banister
1990, J Appl Physiol 69(3), 1171-1177): minutes times x times a weight, where x is the share of the
heart rate reserve, (rate - resting) / (maximum - resting). The weight is 0.64 e^(1.92 x) for men
and 0.86 e^(1.67 x) for women, as blood lactate rises in them.

Fitness and fatigue are averages of the daily loads with weights that fall exponentially, over 42
and 7 days: today's = yesterday's e^(-1/T) + load (1 - e^(-1/T)). Form is fitness less fatigue, both
of the evening before (Banister's model as simplified by Allen and Coggan 2006, "Training and
Racing with a Power Meter", VeloPress: chronic and acute training load, training stress balance).

The reference for the SQL that the server runs with these constants:
`db/statements/performance/training_load.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp

from athletics.age_grade_table import Sex
from athletics.heart_rate import HeartRates

FITNESS_DAYS, FATIGUE_DAYS = 42.0, 7.0
"""Time constants of the averages."""
TRIMP_FACTOR = {Sex.MALE: 0.64, Sex.FEMALE: 0.86}
TRIMP_EXPONENT = {Sex.MALE: 1.92, Sex.FEMALE: 1.67}
LEAST_RESTING_BPM, MOST_RESTING_BPM = 20, 99
LEAST_MAX_BPM, MOST_MAX_BPM = 100, 250
"""What the rates of a runner's reserve may be, so that the resting one is the lower."""
HISTORY_DAYS = 365
"""Days before the first one shown that count: e^(-365/42) = 0.02 % of a load is left of older ones."""


@dataclass(frozen=True, slots=True)
class HeartRateReserve:
    """What a runner's TRIMP is computed by: resting and maximum rate in beats a minute, and sex."""

    resting_bpm: float
    max_bpm: float
    sex: Sex

    def trimp_per_minute(self, rate_bpm: float) -> float:
        """The load of a minute at a heart rate; of rates below resting none, beyond maximum no more."""
        share = (rate_bpm - self.resting_bpm) / (self.max_bpm - self.resting_bpm)
        share = min(1.0, max(0.0, share))
        return share * TRIMP_FACTOR[self.sex] * exp(TRIMP_EXPONENT[self.sex] * share)

    def trimp_of_mean(self, minutes: float, mean_bpm: float) -> float:
        """The load of a run of which the mean heart rate is known alone."""
        return minutes * self.trimp_per_minute(mean_bpm)

    def trimp(self, rates: HeartRates) -> float:
        """The load of a run by the time at each heart rate."""
        return sum(
            seconds / 60 * self.trimp_per_minute(rates.lowest_bpm + beats)
            for beats, seconds in enumerate(rates.seconds)
        )


@dataclass(frozen=True, slots=True)
class LoadDay:
    """Fitness and fatigue after the day's runs, form before them."""

    load: float
    fitness: float
    fatigue: float
    form: float


def load_days(loads: Iterable[float]) -> list[LoadDay]:
    """The days of a runner without runs before the first, from the load of each day in turn."""
    fitness = fatigue = 0.0
    fitness_kept, fatigue_kept = exp(-1 / FITNESS_DAYS), exp(-1 / FATIGUE_DAYS)
    days = []
    for load in loads:
        form = fitness - fatigue
        fitness = fitness * fitness_kept + load * (1 - fitness_kept)
        fatigue = fatigue * fatigue_kept + load * (1 - fatigue_kept)
        days.append(LoadDay(load, fitness, fatigue, form))
    return days
