from array import array
from itertools import accumulate, pairwise
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.best_effort import Effort, StreamError, best_efforts
from athletics.distance import StandardDistance
from athletics.plausibility import fastest_plausible_s
from tests.athletics.best_effort_reference import reference_best_s

SHORT = [StandardDistance.M400, StandardDistance.M800, StandardDistance.KM1, StandardDistance.MILE1]


def effort(time_s, distance_m, distance=StandardDistance.M400):
    return best_efforts(time_s, distance_m, [distance]).get(distance)


# Steps of a track in tenths of metres and whole seconds: running, standing, repeated, too fast, going back.
running = st.tuples(st.integers(5, 60), st.integers(0, 3000)).map(lambda step: (step[0], min(step[1], 110 * step[0])))
steps = st.one_of(
    running,
    running,
    st.tuples(st.integers(10, 40), st.sampled_from([500, 1000, 2000])),
    st.tuples(st.integers(1, 300), st.just(0)),
    st.just((0, 0)),
    st.tuples(st.integers(0, 3), st.integers(300, 5000)),
    st.tuples(st.integers(-5, 5), st.integers(-900, -1)),
    st.tuples(st.integers(-50, -1), st.integers(0, 9)),
)
clean_steps = st.one_of(
    running,
    st.tuples(st.integers(10, 40), st.sampled_from([500, 1000, 2000])),
    st.tuples(st.integers(1, 300), st.just(0)),
    st.just((0, 0)),
)


def track(moves):
    seconds = list(accumulate((move[0] for move in moves), initial=0))
    decimeters = list(accumulate((move[1] for move in moves), initial=0))
    return seconds, [at / 10 for at in decimeters]


def assert_is_reference(found, time_s, distance_m, distances):
    for distance in distances:
        expected = reference_best_s(time_s, distance_m, distance.meters)
        if expected is None:
            assert distance not in found
        else:
            assert found[distance].elapsed_s == pytest.approx(float(expected), abs=1e-6)


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, min_size=2, max_size=40))
def test_generated_tracks_agree_with_the_definition(moves):
    time_s, distance_m = track(moves)
    assert_is_reference(best_efforts(time_s, distance_m, SHORT), time_s, distance_m, SHORT)


@settings(max_examples=150, deadline=None)
@given(st.lists(clean_steps, min_size=10, max_size=40))
def test_the_window_found_is_one_of_the_distance(moves):
    time_s, distance_m = track(moves)
    for distance, found in best_efforts(time_s, distance_m, SHORT).items():
        meters = at(time_s, distance_m, found.start_offset_s + found.elapsed_s) - at(
            time_s, distance_m, found.start_offset_s
        )
        assert meters == pytest.approx(distance.meters, abs=1e-4)


def at(time_s, distance_m, second):
    """Metres at a second of an unbroken track."""
    for (t0, d0), (t1, d1) in zip(
        zip(time_s, distance_m, strict=True), zip(time_s[1:], distance_m[1:], strict=True), strict=False
    ):
        if t0 - 1e-9 <= second <= t1 + 1e-9 and t1 > t0:
            return d0 + (d1 - d0) * (second - t0) / (t1 - t0)
    raise AssertionError(second)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=2, max_size=60))
def test_longer_distances_take_longer(moves):
    found = list(best_efforts(*track(moves)).values())
    assert all(shorter.elapsed_s < longer.elapsed_s for shorter, longer in pairwise(found))


def test_real_runs_agree_with_the_definition(real_runs):
    """Three of them, one full of jumps; the reference is slow."""
    for run in (real_runs[0], real_runs[1], real_runs[5]):
        time_s, distance_m = run["streams"]["time"], run["streams"]["distance"]
        assert_is_reference(best_efforts(time_s, distance_m), time_s, distance_m, SHORT)


def test_real_runs_hold_nothing_faster_than_the_open_standard(real_runs):
    counted = 0
    for run in real_runs:
        for distance, found in best_efforts(run["streams"]["time"], run["streams"]["distance"]).items():
            assert found.elapsed_s >= fastest_plausible_s(distance, None)
            counted += 1
    assert counted > 300


def test_a_window_that_starts_at_a_sample_ends_between_two():
    assert effort([0, 100, 200], [0, 300, 500]) == Effort(150.0, 0.0)


def test_a_window_that_ends_at_a_sample_starts_between_two():
    assert effort([0, 100, 200], [0, 200, 500]) == Effort(pytest.approx(150.0), pytest.approx(50.0))


def test_pauses_count_inside_a_window_and_not_at_its_ends():
    assert effort([0, 60, 160, 220, 320, 380], [0, 0, 200, 200, 400, 400]) == Effort(260.0, 60.0)


def test_pauses_at_both_ends_are_outside_though_the_decimals_are_inexact():
    """Metres added up in tenths, so that two places 400 m apart are so only nearly."""
    meters = list(accumulate([0.1] * 5000, initial=0.0))
    for start_m, end_m in zip(meters, meters[4000:], strict=False):
        assert effort([0, 60, 160, 260], [start_m, start_m, end_m, end_m]).elapsed_s == 100


def test_ties_go_to_the_earliest():
    """At an even speed every window takes as long; errors of rounding decide nothing."""
    time_s = [0.7 * sample for sample in range(1001)]
    for speed in range(11, 90):
        assert effort(time_s, [speed / 10 * second for second in time_s]).start_offset_s == 0
    assert effort([0, 100, 200, 300, 400], [0, 400, 500, 900, 1000]) == Effort(100.0, 0.0)


def test_exactly_the_distance_is_enough_and_less_is_not():
    assert effort([0, 80], [0, 400.0]) == Effort(80.0, 0.0)
    assert effort([0, 80], [0, 399.99]) is None
    assert best_efforts([0, 300], [0.0, 1609.344], [StandardDistance.MILE1])


def test_offsets_are_on_the_clock_of_the_stream():
    assert effort([1000, 1100], [7000, 7400]) == Effort(100.0, 1000.0)


@pytest.mark.parametrize(
    ("time_s", "distance_m"),
    [
        ([0, 50, 75, 125], [0, 200, 501, 700]),  # 301 m in 25 s
        ([0, 50, 50, 100], [0, 200, 201, 401]),  # a metre in no time
        ([0, 50, 60, 120], [0, 300, 290, 600]),  # back in distance
        ([0, 50, 40, 90], [0, 200, 200, 400]),  # back in time
    ],
)
def test_no_window_spans_a_break(time_s, distance_m):
    assert effort(time_s, distance_m) is None


@pytest.mark.parametrize(
    ("time_s", "distance_m"),
    [([0, 50, 75, 125], [0, 50, 350, 400]), ([0, 50, 50, 125], [0, 200, 200, 400]), ([0, 0, 125], [0, 0, 400])],
)
def test_twelve_metres_a_second_and_repeated_samples_are_no_break(time_s, distance_m):
    assert effort(time_s, distance_m).elapsed_s == 125


def test_the_better_of_two_pieces_counts():
    slow, fast = [0, 200], [300, 400]
    assert effort([*slow, *fast], [0, 400, 5000, 5400]) == Effort(100.0, 300.0)
    assert effort([0, 100, 300, 500], [0, 400, 5000, 5400]) == Effort(100.0, 0.0)


def test_any_sequence_of_numbers_will_do():
    expected = effort([0, 100, 200], [0, 300, 500])
    assert effort(array("d", [0, 100, 200]), array("f", [0, 300, 500])) == expected
    assert effort((0, 100, 200), array("l", [0, 300, 500])) == expected


@pytest.mark.parametrize("samples", [[], [0]])
def test_too_few_samples_hold_no_effort(samples):
    assert best_efforts(samples, samples) == {}


@pytest.mark.parametrize("bad", [nan, inf, -inf, None, "far"])
def test_samples_that_are_no_numbers_are_refused(bad):
    with pytest.raises(StreamError, match="time"):
        best_efforts([0, bad], [0, 400])
    with pytest.raises(StreamError, match="distance"):
        best_efforts([0, 100], [0, bad])


def test_streams_of_unequal_length_are_refused():
    with pytest.raises(StreamError, match="2 times, 1 distances"):
        best_efforts([0, 100], [400])
