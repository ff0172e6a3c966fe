"""Race predictions, against published examples."""

import pytest

from athletics.distance import StandardDistance
from athletics.race_prediction import (
    Performance,
    PredictionMethod,
    cameron_s,
    predict,
    riegel_s,
)

KM5, KM10 = Performance(5000, 1500), Performance(10_000, 2400)


@pytest.mark.parametrize(
    ("effort", "distance_m", "expected_s", "within_s"),
    [
        (KM10, 21_097.5, 88 * 60 + 15, 1),  # a walkthrough of 10 km in 40:00 (aifithub.io)
        (KM10, 42_195, 3 * 3600 + 4 * 60, 1),  # the same
        (KM5, 10_000, 52 * 60 + 8, 1),  # 25:00 over 5 km (calcso.com)
    ],
)
def test_riegel_is_as_published(effort, distance_m, expected_s, within_s):
    assert riegel_s(effort, distance_m) == pytest.approx(expected_s, abs=within_s)


@pytest.mark.parametrize(
    ("distance_m", "minutes", "expected_minutes"),
    [(5632.704, 51.5, 75.1334), (4023.36, 34.75, 72.5961)],  # for 5 miles (had2know.org)
)
def test_cameron_is_as_published(distance_m, minutes, expected_minutes):
    found = cameron_s(Performance(distance_m, minutes * 60), 8046.72)
    assert found / 60 == pytest.approx(expected_minutes, abs=0.0005)


@pytest.mark.parametrize("method", PredictionMethod)
def test_the_effort_that_promises_most_is_the_one(method):
    found = predict([KM5, KM10, Performance(15_000, 4500)], 21_097.5, method)
    assert found.rests_on is KM10
    assert predict([KM10], 10_000, method).elapsed_s == pytest.approx(2400)


@pytest.mark.parametrize("method", PredictionMethod)
def test_too_far_a_distance_is_not_predicted(method):
    assert predict([KM5], StandardDistance.MARATHON.meters, method) is None
    assert predict([KM10], StandardDistance.MARATHON.meters, method)
    assert predict([], 10_000, method) is None


def test_riegel_predicts_from_3_and_a_half_minutes_to_230():
    slow = Performance(21_097.5, 7200)
    assert predict([slow], 42_195, PredictionMethod.RIEGEL) is None  # 4:10 hours
    assert predict([slow], 42_195, PredictionMethod.CAMERON)
    assert predict([Performance(800, 209)], 1500, PredictionMethod.RIEGEL) is None
    assert predict([Performance(800, 210)], 1500, PredictionMethod.RIEGEL)


def test_cameron_predicts_from_800_m_to_the_marathon():
    assert predict([Performance(400, 60)], 800, PredictionMethod.CAMERON) is None
    assert predict([Performance(42_195, 9000)], 50_000, PredictionMethod.CAMERON) is None
    assert predict([Performance(42_195, 9000)], 50_000, PredictionMethod.RIEGEL)
