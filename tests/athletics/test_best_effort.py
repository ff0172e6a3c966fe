from array import array
from itertools import accumulate, pairwise
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.best_effort import Effort, best_efforts
from athletics.distance import StandardDistance
from athletics.plausibility import fastest_plausible_s
from athletics.track import StreamError, read_track
from tests.athletics.best_effort_reference import decimal, reference_bests_s, unbroken

SHORT = [StandardDistance.M400, StandardDistance.M800, StandardDistance.KM1, StandardDistance.MILE1]


def effort(time_s, distance_m, distance=StandardDistance.M400):
    return best_efforts(time_s, distance_m, [distance]).get(distance)


# Steps of a track in tenths of meters and whole seconds: running, standing, repeated, too fast,
# going back.
running = st.tuples(st.integers(5, 60), st.integers(0, 3000)).map(
    lambda step: (step[0], min(step[1], 110 * step[0]))
)
steps = st.one_of(
    running,
    running,
    st.tuples(st.integers(10, 40), st.sampled_from([500, 1000, 2000])),
    st.tuples(st.integers(1, 300), st.just(0)),
    st.just((0, 0)),
    st.tuples(st.integers(0, 3), st.integers(300, 5000)),
    st.tuples(st.integers(-5, 5), st.integers(-900, -1)),
    st.tuples(st.integers(-50, -1), st.integers(0, 9)),
    st.tuples(st.integers(0, 3), st.integers(-9, 80)),
    st.tuples(st.integers(0, 1), st.integers(10, 700)),
)
clean_steps = st.one_of(
    running,
    st.tuples(st.integers(10, 40), st.sampled_from([500, 1000, 2000])).map(
        lambda step: (step[0], min(step[1], 120 * step[0]))
    ),
    st.tuples(st.integers(1, 300), st.just(0)),
    st.just((0, 0)),
)


def track(moves):
    seconds = list(accumulate((move[0] for move in moves), initial=0))
    decimeters = list(accumulate((move[1] for move in moves), initial=0))
    return seconds, [at / 10 for at in decimeters]


def assert_is_reference(found, time_s, distance_m, distances):
    bests = reference_bests_s(time_s, distance_m, [each.meters for each in distances])
    for distance, expected in zip(distances, bests, strict=True):
        if expected is None:
            assert distance not in found
        else:
            assert found[distance].elapsed_s == pytest.approx(float(expected), abs=1e-6)


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, min_size=2, max_size=40))
def test_generated_tracks_agree_with_the_definition(moves):
    time_s, distance_m = track(moves)
    assert_is_reference(best_efforts(time_s, distance_m, SHORT), time_s, distance_m, SHORT)


# A recording each second or twice, which stands, repeats seconds, dips, jumps and catches up.
seconds = st.lists(
    st.one_of(
        st.tuples(st.just(1), st.integers(20, 60)),
        st.tuples(st.just(1), st.integers(20, 60)),
        st.tuples(st.integers(0, 1), st.integers(10, 30)),
        st.tuples(st.integers(1, 12), st.integers(0, 3)),
        st.tuples(st.integers(0, 2), st.integers(-12, 15)),
        st.tuples(st.integers(0, 1), st.integers(100, 900)),
        st.tuples(st.integers(2, 9), st.integers(100, 1000)),
    ),
    min_size=20,
    max_size=50,
)


@settings(max_examples=100, deadline=None)
@given(seconds, st.sampled_from([0.5, 0.97, 1.0, 1.04, 1.5]))
def test_dense_tracks_agree_with_the_definition_corrected_or_not(moves, scale):
    """A distance of 400 m or more in tens of seconds: the windows are 4 to 40 m long here."""
    time_s, distance_m = track(moves)
    scaled_m = [round(meters * scale, 3) for meters in distance_m]
    found = read_track(time_s, distance_m, scale=scale)
    expected = [
        [(float(t), float(d)) for t, d in piece]
        for piece in unbroken(list(zip(map(decimal, time_s), map(decimal, scaled_m), strict=True)))
        if len(piece) > 1
    ]
    got = [
        list(zip(piece.time_s, [at / 1e9 for at in piece.position_nm], strict=True))
        for piece in found.pieces
    ]
    assert [len(piece) for piece in got] == [len(piece) for piece in expected]
    for one, other in zip(got, expected, strict=True):
        assert [each for pair in one for each in pair] == pytest.approx(
            [each for pair in other for each in pair], abs=1e-5
        )


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
    """Meters at a second of an unbroken track."""
    for (t0, d0), (t1, d1) in zip(
        zip(time_s, distance_m, strict=True),
        zip(time_s[1:], distance_m[1:], strict=True),
        strict=False,
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
    """A part of them: the reference takes 0.3 s for each."""
    for run in real_runs[:8]:
        time_s, distance_m = run["streams"]["time"], run["streams"]["distance"]
        assert_is_reference(best_efforts(time_s, distance_m), time_s, distance_m, SHORT)


def test_real_runs_hold_nothing_faster_than_the_open_standard(real_runs):
    counted = 0
    for run in real_runs:
        for distance, found in best_efforts(
            run["streams"]["time"], run["streams"]["distance"]
        ).items():
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
    """Meters added up in tenths, so that two places 400 m apart are so only nearly."""
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
        ([0, 50, 51, 56, 106], [0, 200, 270, 285, 485]),  # 70 m in 1 s
        ([0, 50, 50, 50, 100], [0, 200, 240, 280, 480]),  # 80 m in no time
        ([0, 50, 60, 120], [0, 300, 290, 600]),  # back in distance
        ([0, 50, 40, 90], [0, 200, 200, 400]),  # back in time
    ],
)
def test_no_window_spans_a_break(time_s, distance_m):
    assert effort(time_s, distance_m) is None


@pytest.mark.parametrize(
    ("time_s", "distance_m"),
    [
        ([0, 50, 75, 125], [0, 50, 350, 400]),
        ([0, 50, 50, 125], [0, 200, 200, 400]),
        ([0, 50, 50, 125], [0, 200, 201, 400]),  # a meter in no time
        ([0, 50, 51, 125], [0, 200, 199.1, 400]),  # 0.9 m back
        ([0, 50, 51, 125], [0, 200, 240, 400]),  # 40 m in 1 s
        ([0, 0, 125], [0, 0, 400]),
    ],
)
def test_what_is_no_break(time_s, distance_m):
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


def test_a_position_held_and_then_caught_up_wins_nothing():
    """A tunnel of 8 s at 3.25 m/s: at one pace every window takes as long, also from its end."""
    held = [(t, min(t, 100) if t < 109 else t) for t in range(400)]
    time_s, distance_m = [t for t, _ in held], [3.25 * at for _, at in held]
    for distance, found in best_efforts(time_s, distance_m).items():
        assert found.elapsed_s == pytest.approx(distance.meters / 3.25, abs=1e-6)


def test_a_catch_up_over_several_samples_is_spread_too():
    """A tunnel of 30 s, caught up in three steps of 33 m each."""
    time_s = [*range(100), 130, 131, 132, 133, *range(134, 300)]
    at_m = {130: 297.0, 131: 330.0, 132: 363.0, 133: 396.0}
    distance_m = [at_m.get(t, 3.0 * min(t, 99) if t < 130 else 3.0 * t - 3.0) for t in time_s]
    found = effort(time_s, distance_m)
    assert found.elapsed_s == pytest.approx(400 / 3, abs=0.5)


@pytest.mark.parametrize("false_m", [-2e5, 0.0, 3e5])
@pytest.mark.parametrize("place", [0, 1, 2, 500, -3, -2, -1])
def test_a_false_sample_costs_only_the_windows_over_it(place, false_m):
    """Also near an end, where no 5 s of track are left beside it."""
    time_s = list(range(1000))
    distance_m = [3.0 * second for second in time_s]
    distance_m[place] = false_m
    assert effort(time_s, distance_m).elapsed_s == pytest.approx(400 / 3, abs=2.1)


def test_a_standstill_does_not_explain_a_leap():
    """A kilometer in a second after 10 s of standing: a glitch."""
    time_s = [0, 50, 60, 61, 111]
    assert effort(time_s, [0, 200, 200, 1200, 1400]) is None


def test_only_as_much_of_a_standstill_as_the_jump_takes():
    """Ten minutes of waiting for the start, then 15 m at once: the run begins after the wait."""
    time_s = [0, 600, 601, *range(611, 1012, 10)]
    distance_m = [0.0, 0.0, 15.0, *(15 + 3.0 * (t - 601) for t in time_s[3:])]
    assert effort(time_s, distance_m).elapsed_s == pytest.approx(400 / 3, abs=0.5)


def test_two_samples_a_second_lose_nothing():
    time_s = [half // 2 for half in range(1000)]
    found = effort(time_s, [1.85 * half for half in range(1000)])
    assert found.elapsed_s == pytest.approx(400 / 3.7, abs=1)


@pytest.mark.parametrize("huge", [1e300, -1e12, 10**400])
def test_samples_beyond_all_measure_are_refused(huge):
    with pytest.raises(StreamError):
        best_efforts([0, 100], [0, huge])
    with pytest.raises(StreamError):
        best_efforts([0, huge], [0, 400])
