"""Training load, against published examples."""

from math import exp

import pytest

from athletics.age_grade_table import Sex
from athletics.heart_rate import HeartRates
from athletics.training_load import FATIGUE_DAYS, FITNESS_DAYS, HeartRateReserve, load_days


@pytest.mark.parametrize(
    ("minutes", "rate", "resting", "maximum", "expected"),
    [
        (45, 150, 60, 190, 75.36),  # calculatorhub.com
        (60, 155, 55, 190, 118),  # afitpilot.com, which rounds to whole numbers
    ],
)
def test_trimp_of_men_is_as_published(minutes, rate, resting, maximum, expected):
    reserve = HeartRateReserve(resting, maximum, Sex.MALE)
    assert reserve.trimp_of_mean(minutes, rate) == pytest.approx(expected, rel=0.002)


def test_trimp_of_women_has_their_weight():
    reserve = HeartRateReserve(60, 190, Sex.FEMALE)
    share = 90 / 130
    assert reserve.trimp_of_mean(45, 150) == pytest.approx(45 * share * 0.86 * exp(1.67 * share))


def test_a_steady_run_is_the_same_by_profile_and_mean():
    reserve = HeartRateReserve(60, 190, Sex.MALE)
    assert reserve.trimp(HeartRates(150, [2700.0])) == pytest.approx(reserve.trimp_of_mean(45, 150))


def test_hard_minutes_weigh_more_than_their_mean():
    reserve = HeartRateReserve(60, 190, Sex.MALE)
    intervals = HeartRates(120, [1200.0, *[0.0] * 59, 1200.0])
    assert reserve.trimp(intervals) > reserve.trimp_of_mean(40, 150)


def test_rates_beyond_the_reserve_are_those_at_its_ends():
    reserve = HeartRateReserve(60, 190, Sex.MALE)
    assert reserve.trimp_per_minute(50) == 0
    assert reserve.trimp_per_minute(200) == reserve.trimp_per_minute(190) == 0.64 * exp(1.92)


def test_a_time_constant_of_even_days_reaches_63_percent():
    days = load_days([100.0] * int(FITNESS_DAYS))
    assert days[int(FITNESS_DAYS) - 1].fitness == pytest.approx(100 * (1 - exp(-1)))
    assert days[int(FATIGUE_DAYS) - 1].fatigue == pytest.approx(100 * (1 - exp(-1)))


def test_a_load_decays():
    first, *_, last = load_days([100.0, *[0.0] * 42])
    assert first.fitness == pytest.approx(100 * (1 - exp(-1 / 42)))
    assert last.fitness == pytest.approx(first.fitness * exp(-1))
    assert last.fatigue == pytest.approx(first.fatigue * exp(-6))


def test_form_is_of_the_evening_before():
    before, day = load_days([100.0, 50.0])
    assert before.form == 0
    assert day.form == before.fitness - before.fatigue < 0
