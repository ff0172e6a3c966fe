from datetime import UTC, datetime, timedelta
from itertools import combinations
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.duplicate import Recording, duplicate_groups, duplicate_of, is_same_run

MORNING = datetime(2026, 4, 1, 6, tzinfo=UTC)


def recording(activity_id=1, start_s=0, elapsed_s=3600, distance_m=10_000, has_streams=True):
    return Recording(activity_id, MORNING + timedelta(seconds=start_s), elapsed_s, distance_m, has_streams)


recordings = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(80, 120), st.booleans()), max_size=12
).map(lambda rows: [recording(number, *row) for number, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"start_s": 1800}, True),
        ({"start_s": 1801}, False),
        ({"start_s": 600, "elapsed_s": 1800}, True),
        ({"start_s": 2700, "elapsed_s": 1800}, True),
        ({"start_s": 2701, "elapsed_s": 1800}, False),
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


def test_a_chain_is_one_group():
    chain = [recording(1, 0), recording(2, 1800), recording(3, 3600)]
    assert [[each.activity_id for each in group] for group in duplicate_groups(chain)] == [[1, 2, 3]]


def test_a_later_recording_joins_two_groups():
    short_a, short_b = recording(1, 0, 600, 1000), recording(2, 650, 600, 1000)
    assert len(duplicate_groups([short_a, short_b])) == 2
    assert len(duplicate_groups([short_a, short_b, recording(3, 100, 1100, 1000)])) == 1


@settings(max_examples=300)
@given(recordings, st.randoms())
def test_groups_are_the_connected_ones_whatever_the_order(given_recordings, random):
    expected = {each.activity_id: {each.activity_id} for each in given_recordings}
    for one, other in combinations(given_recordings, 2):
        if is_same_run(one, other):
            merged = expected[one.activity_id] | expected[other.activity_id]
            expected.update(dict.fromkeys(merged, merged))
    groups = duplicate_groups(given_recordings)
    assert {frozenset(each.activity_id for each in group) for group in groups} == set(map(frozenset, expected.values()))
    shuffled = list(given_recordings)
    random.shuffle(shuffled)
    assert duplicate_groups(shuffled) == groups


def test_real_runs_are_no_duplicates_of_each_other(real_runs):
    runs = [
        Recording(
            run["activity"]["id"],
            datetime.fromisoformat(run["activity"]["start_date"]),
            run["activity"]["elapsed_time"],
            run["activity"]["distance"],
            has_streams=True,
        )
        for run in real_runs
    ]
    assert duplicate_of(runs) == {}


def test_many_recordings_take_little_time():
    years = [recording(number, 5400 * (number // 2), 3600) for number in range(20_000)]
    began_s = perf_counter()
    assert len(duplicate_groups(years)) == 10_000
    assert perf_counter() - began_s < 2
