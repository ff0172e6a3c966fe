from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.duplicate import Recording, duplicate_groups, duplicate_of, is_same_run

MORNING = datetime(2026, 4, 1, 6, tzinfo=UTC)


def recording(
    activity_id=1, start_s=0, elapsed_s=3600, distance_m=10_000, has_streams=True, moving_s=None, lacking=0
):  # fmt: skip
    moving_s = elapsed_s if moving_s is None else moving_s
    started_at = MORNING + timedelta(seconds=start_s)
    return Recording(activity_id, started_at, moving_s, elapsed_s, distance_m, has_streams, lacking)


recordings = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(80, 120), st.booleans()),
    max_size=12,
).map(lambda rows: [recording(number, *row) for number, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"start_s": 1800}, True),
        ({"start_s": 1801}, False),
        ({"start_s": 600, "elapsed_s": 1800}, True),
        ({"start_s": 1800, "elapsed_s": 1800}, True),
        ({"start_s": 1801, "elapsed_s": 1800}, False),
        ({"start_s": 600, "elapsed_s": 1799}, False),
        # a clock that ran on: for hours, through the night, half an hour
        ({"start_s": 7200, "moving_s": 3600}, False),
        ({"start_s": -7200, "elapsed_s": 14_400, "moving_s": 3600}, False),
        ({"start_s": -80_000, "elapsed_s": 108_000, "moving_s": 2640}, False),
        ({"start_s": -3700, "elapsed_s": 6000, "moving_s": 3600}, False),
        # one of two devices does not stop its moving time in pauses
        ({"moving_s": 1500}, True),
        # a moving time that is not known
        ({"moving_s": 0}, True),
        ({"start_s": 3600}, False),
        ({"distance_m": 9000}, True),
        ({"distance_m": 8999}, False),
        ({"elapsed_s": 0}, False),
    ],
)
def test_one_run_is_half_shared_time_and_like_distance(changes, same):
    one, other = recording(1), recording(2, **changes)
    assert is_same_run(one, other) is same
    assert is_same_run(other, one) is same


def test_streams_then_the_earlier_start_then_the_lower_id_represent():
    phone, watch, late = recording(1, 0, has_streams=False), recording(3, 5), recording(2, 9)
    assert duplicate_of([phone, watch, late]) == {1: 3, 2: 3}
    assert duplicate_of([recording(8), recording(7)]) == {8: 7}
    assert duplicate_of([recording(1), recording(2, 7200)]) == {}


def test_the_sound_recording_represents():
    """Sound before everything: without streams, later, of a higher id."""
    broken = recording(1, 0, lacking=4)
    sound = recording(2, 30, has_streams=False, lacking=2)
    assert duplicate_of([broken, sound]) == {1: 2}
    assert duplicate_of([broken, sound, recording(3, 60)]) == {1: 3, 2: 3}


def test_a_chain_is_one_group():
    chain = [recording(1, 0), recording(2, 1800), recording(3, 3600)]
    assert [[each.activity_id for each in group] for group in duplicate_groups(chain)] == [
        [1, 2, 3]
    ]


def test_a_later_recording_joins_two_groups():
    short_a, short_b = recording(1, 0, 600, 1000), recording(2, 600, 600, 1000)
    assert len(duplicate_groups([short_a, short_b])) == 2
    assert len(duplicate_groups([short_a, short_b, recording(3, 50, 1100, 1000)])) == 1


@settings(max_examples=300)
@given(recordings, st.randoms())
def test_groups_are_the_connected_ones_whatever_the_order(given_recordings, random):
    expected = {each.activity_id: {each.activity_id} for each in given_recordings}
    for one, other in combinations(given_recordings, 2):
        if is_same_run(one, other):
            merged = expected[one.activity_id] | expected[other.activity_id]
            expected.update(dict.fromkeys(merged, merged))
    groups = duplicate_groups(given_recordings)
    assert {frozenset(each.activity_id for each in group) for group in groups} == set(
        map(frozenset, expected.values())
    )
    shuffled = list(given_recordings)
    random.shuffle(shuffled)
    assert duplicate_groups(shuffled) == groups


def test_real_runs_are_no_duplicates_of_each_other(real_runs):
    runs = [
        Recording(
            run["activity"]["id"],
            datetime.fromisoformat(run["activity"]["start_date"]),
            run["activity"]["moving_time"],
            run["activity"]["elapsed_time"],
            run["activity"]["distance"],
            has_streams=True,
        )
        for run in real_runs
    ]
    assert duplicate_of(runs) == {}


def test_many_recordings_take_little_time():
    years = [recording(number, 5400 * (number // 2), 3600) for number in range(20_000)]
    began_s = process_time()
    assert len(duplicate_groups(years)) == 10_000
    assert process_time() - began_s < 2


def test_many_recordings_at_once_take_little_time():
    """As of files whose times are all wrong: of each of 30 distances there is one run."""
    crowd = [
        recording(number, number, 40_000, 1000 * 1.2 ** (number % 30)) for number in range(6000)
    ]
    began_s = process_time()
    assert len(duplicate_groups(crowd)) == 30
    assert process_time() - began_s < 2


def test_two_clocks_that_both_ran_on_make_no_duplicate():
    """Two runs of 50 minutes, an hour apart, whose recordings were never stopped."""
    first = recording(elapsed_s=40_000, moving_s=3000)
    second = recording(activity_id=2, start_s=3600, elapsed_s=39_000, moving_s=3000)
    assert duplicate_of([first, second]) == {}


def hidden(activity_id, day=1, elapsed_s=3600, distance_m=10_000, moving_s=None, **columns):
    """A recording of which Strava tells the day alone, as 00:00:01."""
    midnight = datetime(2026, 4, day, 0, 0, 1, tzinfo=UTC)
    moving_s = elapsed_s if moving_s is None else moving_s
    usual = {"has_streams": True, "started_on": midnight.date(), "start_is_hidden": True}
    return Recording(activity_id, midnight, moving_s, elapsed_s, distance_m, **usual | columns)


def shown(activity_id, start_s=0, **columns):
    return replace(recording(activity_id, start_s, **columns), started_on=MORNING.date())


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # two runs of one day, which start and overlap as if they were one
        ([hidden(2, elapsed_s=3500, distance_m=9800)], {}),
        ([hidden(2, elapsed_s=3600, distance_m=10_001.1)], {}),
        ([hidden(2, moving_s=3599)], {}),
        ([hidden(2, day=2)], {}),
        # one file uploaded twice
        ([hidden(2, distance_m=10_000.9)], {2: 1}),
        ([hidden(2), hidden(3)], {2: 1, 3: 1}),
        # the other upload shows its start, and represents
        ([shown(2)], {1: 2}),
        # a run at midnight, near in length, that the hidden one seems to overlap
        ([shown(2, start_s=-6 * 3600, elapsed_s=3590)], {}),
        # equal runs in the morning and in the evening stay two
        ([shown(2), shown(3, start_s=36_000)], {1: 2}),
        ([hidden(2, elapsed_s=0)], {}),
    ],
)
def test_of_a_hidden_start_only_the_day_is_trusted(others, expected):
    assert duplicate_of([hidden(1), *others]) == expected
    assert duplicate_of([*reversed(others), hidden(1)]) == expected


def test_without_a_duration_a_hidden_one_is_no_duplicate():
    assert duplicate_of([hidden(1, elapsed_s=0), hidden(2, elapsed_s=0)]) == {}


def test_recordings_of_one_group_are_not_compared_with_each_other(monkeypatch):
    compared = Counter()

    def counted(one: Recording, other: Recording) -> bool:
        compared["all"] += 1
        return is_same_run(one, other)

    monkeypatch.setattr("athletics.duplicate.is_same_run", counted)
    many = [recording(number, start_s=number) for number in range(500)]
    [group] = duplicate_groups(many)
    assert len(group) == 500
    assert compared["all"] < 2 * 500


@pytest.mark.parametrize("separate", [0, 1])
def test_what_the_athlete_set_apart_is_no_duplicate(separate):
    pair = [recording(1), recording(2)]
    assert is_same_run(*pair)
    pair[separate] = replace(pair[separate], is_separate=True)
    assert not is_same_run(*pair)
