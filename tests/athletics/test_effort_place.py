"""Where efforts lie in their runs, and the heart rate meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athletics.activity_effort import RecordedRun, Streams, efforts_of_activity
from athletics.effort_place import HeartRateMeans, starts_m
from athletics.track import read_track

SECONDS = range(1001)


def test_an_effort_begins_where_the_track_is_at_its_time():
    track = read_track([0, 10, 20, 30], [0, 40, 80, 80])
    assert starts_m(track, [0, 5, 30, 31]) == [0, 20, 80, None]
    assert starts_m(read_track([0, 10], [0, 40], scale=1.5), [5]) == [30]


def test_a_break_in_the_track_is_no_place():
    track = read_track([0, 10, 20, 30, 40], [0, 40, 9000, 9040, 9080])
    assert starts_m(track, [5, 15, 25]) == [20, None, 9020]


def test_the_mean_counts_the_time_from_a_sample_to_the_next():
    means = HeartRateMeans([0, 10, 30, 40], [100, 160, 130, 250])
    whole, part = (10 * 100 + 20 * 160 + 10 * 130) / 40, (5 * 100 + 10 * 160) / 15
    assert means.between([(0, 40), (5, 20)]) == pytest.approx([whole, part])


def test_unknown_rates_pauses_of_the_device_and_errors_of_the_sensor_do_not_count():
    means = HeartRateMeans([0, 10, 20, 30, 130, 140], [100, None, 5, 120, 140, 160])
    assert means.between([(0, 20), (130, 140)]) == [100, 140]
    less_than_half_is_known = [(5, 20), (0, 30), (30, 140)]
    assert means.between(less_than_half_is_known) == [None, None, None]


def test_without_rates_or_with_samples_out_of_order_there_is_no_mean():
    assert HeartRateMeans([0, 10, 20], [None, None, None]).between([(0, 20)]) == [None]
    assert HeartRateMeans([0, 20, 10], [100, 100, 100]).between([(0, 10)]) == [None]


@given(st.lists(st.integers(60, 200), min_size=3, max_size=50), st.data())
def test_a_mean_lies_between_the_rates(rates, data):
    last = len(rates) - 1
    start = data.draw(st.floats(0, last - 1))
    end = data.draw(st.floats(start + 0.5, last))
    [mean] = HeartRateMeans(range(len(rates)), rates).between([(start, end)])
    assert min(rates) - 1e-6 <= mean <= max(rates) + 1e-6


def test_a_run_tells_of_each_effort_where_it_lies():
    """4 km at 4 m/s, but for the fast 400 m from 1200 m on, with a rising heart rate."""
    meters = [4 * s if s < 300 else 1200 + 5 * (s - 300) if s < 380 else 1600 + 4 * (s - 380) for s in SECONDS]  # fmt: skip
    rates = [100 + s / 10 for s in SECONDS]
    run = RecordedRun(
        distance_m=meters[-1], elapsed_s=1000, streams=Streams(SECONDS, meters, rates)
    )
    found = efforts_of_activity(run, sport_type="Run", flagged=False, sex=None).efforts
    fastest = found[0]
    assert (fastest.start_m, fastest.elapsed_s) == (pytest.approx(1200), pytest.approx(80))
    assert fastest.heart_rate_bpm == pytest.approx(100 + 33.95)
    assert all(each.start_m + each.distance.meters <= meters[-1] + 0.1 for each in found)
    bare = RecordedRun(distance_m=meters[-1], elapsed_s=1000, streams=Streams(SECONDS, meters))
    assert efforts_of_activity(bare, sport_type="Run", flagged=False, sex=None).efforts[0].heart_rate_bpm is None  # fmt: skip
