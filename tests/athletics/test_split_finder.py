"""Splits of a recording by kilometers and miles."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athletics.joined_track import join_pieces
from athletics.split import SplitUnit
from athletics.split_finder import MOST_SPLITS, profile_of, splits
from athletics.track import read_track

KM, MILE = SplitUnit.KILOMETER, SplitUnit.MILE


def joined(time_s, distance_m, activity_m=None):
    return join_pieces(read_track(time_s, distance_m), activity_m or distance_m[-1])


def even(seconds: int, speed: float = 4.0, from_s: int = 0, from_m: float = 0.0):
    times = list(range(from_s, from_s + seconds + 1))
    return times, [from_m + speed * (each - from_s) for each in times]


def facts(found):
    return [
        (each.number, round(each.distance_m, 3), round(each.elapsed_s, 3), round(each.moving_s, 3), each.is_partial)
        for each in found
    ]  # fmt: skip


def test_the_last_part_is_what_is_left():
    found = splits(joined(*even(625)), KM)
    assert facts(found) == [
        (1, 1000, 250, 250, False),
        (2, 1000, 250, 250, False),
        (3, 500, 125, 125, True),
    ]
    assert [each.start_offset_s for each in found] == [0, 250, 500]


def test_miles_are_miles():
    first, rest = splits(joined(*even(500)), MILE)
    assert (first.distance_m, first.elapsed_s) == (1609.344, pytest.approx(402.336))
    assert (round(rest.distance_m, 3), rest.is_partial) == (390.656, True)


@pytest.mark.parametrize(
    ("length_m", "parts"), [(999.2, 1), (1000.0, 1), (1000.9, 1), (1001.5, 2), (300.0, 1), (0.5, 0)]
)
def test_a_rest_of_less_than_a_meter_belongs_to_the_last_part(length_m, parts):
    found = splits(joined([0, 100, 300], [0, length_m / 3, length_m]), KM)
    assert len(found) == parts
    assert sum(each.distance_m for each in found) == pytest.approx(length_m if parts else 0)
    assert [each.is_partial for each in found[-1:]] == [length_m in {1001.5, 300.0}] * bool(parts)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_pause_counts_in_the_elapsed_and_not_in_the_moving_time(recorded):
    """Whether the device went on recording or stopped."""
    before, after = even(300), even(325, from_s=420, from_m=1200.0)
    standing = (list(range(301, 420)), [1200.0] * 119) if recorded else ([], [])
    times, meters = (a + b + c for a, b, c in zip(before, standing, after, strict=True))
    assert facts(splits(joined(times, meters), KM)) == [
        (1, 1000, 250, 250, False), (2, 1000, 370, 250, False), (3, 500, 125, 125, True),
    ]  # fmt: skip


def test_a_pause_at_a_mark_belongs_to_the_next_part_and_one_at_the_end_to_the_last():
    times = [*even(250)[0], *range(300, 551), 600]
    meters = [*even(250)[1], *even(250, from_m=1000.0)[1], 2000.0]
    assert facts(splits(joined(times, meters), KM)) == [
        (1, 1000, 250, 250, False),
        (2, 1000, 350, 250, False),
    ]


def test_distances_that_come_every_few_seconds_are_no_pauses():
    times = list(range(501))
    meters = [each // 4 * 16.0 for each in times]
    assert [each.moving_s for each in splits(joined(times, meters), KM)] == [
        each.elapsed_s for each in splits(joined(times, meters), KM)
    ]


def test_walking_is_no_pause():
    assert splits(joined(*even(1000, speed=0.8)), KM)[0].moving_s == 1000


def test_a_jump_that_is_not_in_the_activitys_distance_is_left_out():
    times, meters = even(250)
    later = even(250, from_s=251, from_m=6000.0)
    both = (times + later[0], meters + later[1])
    assert len(splits(joined(*both, activity_m=2000.0), KM)) == 2
    assert len(splits(joined(*both, activity_m=7000.0), KM)) == 7


def test_heart_rates_are_means_of_the_known_samples_of_a_part():
    times, meters = even(375)
    rates = [100 if each < 250 else 150 for each in times]
    rates[10:20] = [None] * 10
    found = splits(joined(times, meters), KM, sample_time_s=times, heart_rate_bpm=rates)
    assert [each.average_heart_rate_bpm for each in found] == [100, 150]
    assert splits(joined(times, meters), KM)[0].average_heart_rate_bpm is None


def test_a_hill_is_level_distance():
    times, meters = even(500)
    heights = [min(each, 1000.0) / 10 for each in meters]
    track = joined(times, meters)
    up, flat = splits(track, KM, profile=profile_of(track, times, heights))
    assert (up.elevation_change_m, flat.elevation_change_m) == (
        pytest.approx(100, abs=1),
        pytest.approx(0, abs=1),
    )
    assert up.level_distance_m == pytest.approx(1000 * 5.968 / 3.6, rel=0.02)
    assert flat.level_distance_m == pytest.approx(1000, rel=0.02)


def test_altitudes_of_few_samples_are_not_sound():
    times, meters = even(500)
    track = joined(times, meters)
    assert profile_of(track, times, [5.0 if each % 10 else None for each in times]) is None
    assert profile_of(track, times, None) is None


def test_a_recording_beyond_measure_has_none():
    assert splits(joined([0, 10**6], [0.0, 1000.0 * (MOST_SPLITS + 1)]), KM) == []


STEPS = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 12)), min_size=1, max_size=60)


@given(STEPS, st.sampled_from(SplitUnit))
def test_parts_join_without_gap_and_each_pace_fits_its_time(steps, unit):
    times = [0, *accumulate(seconds for seconds, _ in steps)]
    meters = [0.0, *accumulate(seconds * speed for seconds, speed in steps)]
    track = joined(times, meters)
    found = splits(track, unit)
    if not found:
        assert track.length_m < 1
        return
    assert sum(each.distance_m for each in found) == pytest.approx(track.length_m)
    assert sum(each.elapsed_s for each in found) == pytest.approx(times[-1])
    assert sum(each.moving_s for each in found) == pytest.approx(track.moving_s[-1])
    for each in found:
        assert -1e-6 <= each.moving_s <= each.elapsed_s + 1e-6
    for each, after in pairwise(found):
        assert after.start_offset_s == pytest.approx(each.start_offset_s + each.elapsed_s)
        assert each.distance_m == pytest.approx(unit.meters, abs=1)


def test_altitudes_between_the_ways_samples_are_placed_by_their_time():
    """They climb 10 m in 1 km, whether every sample has an altitude or every third."""
    times, meters = even(250)
    heights = [each / 100 for each in meters]
    climbs = {
        step: splits(joined(times, meters), KM, profile=profile_of(joined(times, meters), times[::step], heights[::step]))
        for step in (1, 3)
    }  # fmt: skip
    assert climbs[1][0].elevation_change_m == pytest.approx(10, abs=0.1)
    assert climbs[3][0].elevation_change_m == pytest.approx(10, abs=0.1)


def test_altitudes_beyond_any_hill_are_not_sound():
    times, meters = even(250)
    assert profile_of(joined(times, meters), times, [each * 3 for each in meters]) is None
