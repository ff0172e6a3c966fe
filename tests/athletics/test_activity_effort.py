from itertools import pairwise
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.activity_effort import (
    ActivityEffort,
    EffortProvenance,
    StravaEffort,
    Streams,
    efforts_of_activity,
)
from athletics.best_effort import StreamError, best_efforts
from athletics.distance import StandardDistance
from athletics.personal_best import DatedEffort, counting
from athletics.plausibility import is_plausible

STREAM, STRAVA, WHOLE = EffortProvenance


def efforts(**changes):
    run = {"sport_type": "Run", "flagged": False, "distance_m": 0.0, "elapsed_s": 0.0, "sex": None}
    return efforts_of_activity(**run | changes)


def measured(**changes):
    return {each.distance.name: each for each in efforts(**changes) if not each.implied}


def steady(meters, speed_m_per_s):
    seconds = range(int(meters / speed_m_per_s) + 2)
    return Streams(seconds, [speed_m_per_s * second for second in seconds])


def test_streams_give_the_windows_of_the_definition(real_runs):
    for run in real_runs:
        streams = Streams(run["streams"]["time"], run["streams"]["distance"])
        expected = [
            ActivityEffort(distance, found.elapsed_s, found.start_offset_s, STREAM)
            for distance, found in best_efforts(streams.time_s, streams.distance_m).items()
        ]
        assert efforts(streams=streams) == expected


def test_with_streams_nothing_else_counts():
    given_efforts = [StravaEffort(400, 60, 0), StravaEffort(5000, 1000, 0)]
    found = measured(streams=steady(1000, 4), strava_efforts=given_efforts, distance_m=10_000, elapsed_s=3000)
    assert list(found) == ["M400", "M800", "KM1"]
    assert found["M400"].elapsed_s == 100


@pytest.mark.parametrize("streams", [None, Streams([], []), Streams([0], [0])])
def test_without_streams_stravas_count_and_then_the_whole_activity(streams):
    given_efforts = [StravaEffort(805, 170, 3), StravaEffort(1609, 400, 7), StravaEffort(1609, 390, 9)]
    found = measured(streams=streams, strava_efforts=given_efforts, distance_m=5049, elapsed_s=1500)
    assert found == {
        "MILE1": ActivityEffort(StandardDistance.MILE1, 390, 9, STRAVA),
        "KM5": ActivityEffort(StandardDistance.KM5, 1500, 0, WHOLE),
    }


def test_stravas_own_effort_goes_before_the_whole_activity():
    found = measured(strava_efforts=[StravaEffort(5000, 1480, 12)], distance_m=5040, elapsed_s=1500)
    assert found["KM5"] == ActivityEffort(StandardDistance.KM5, 1480, 12, STRAVA)


@pytest.mark.parametrize(("distance_m", "counts"), [(9999, False), (10_000, True), (10_100, True), (10_101, False)])
def test_a_whole_activity_counts_up_to_one_per_cent_above(distance_m, counts):
    assert ("KM10" in measured(distance_m=distance_m, elapsed_s=3000)) is counts


@pytest.mark.parametrize("changes", [{"sport_type": "Ride"}, {"sport_type": "Hovercraft"}, {"flagged": True}])
def test_only_unflagged_runs_have_efforts(changes):
    assert efforts(distance_m=5000, elapsed_s=1500)
    assert efforts(distance_m=5000, elapsed_s=1500, **changes) == []


def test_implausible_efforts_are_dropped_whole():
    """400 m at 10 m/s, then a kilometre at 3: the slower 400 m are not looked for."""
    seconds = range(400)
    streams = Streams(seconds, [10 * s if s <= 40 else 400 + 3 * (s - 40) for s in seconds])
    found = measured(streams=streams)
    assert "M400" not in found
    assert found["M800"].elapsed_s == pytest.approx(40 + 400 / 3)
    assert "M400" not in measured(strava_efforts=[StravaEffort(400, 40, 0)])
    assert "KM5" not in measured(distance_m=5000, elapsed_s=700)
    assert "KM5" not in measured(distance_m=5000, elapsed_s=nan)


def test_plausibility_depends_on_sex():
    assert "KM5" in measured(distance_m=5000, elapsed_s=800)
    assert "KM5" not in measured(distance_m=5000, elapsed_s=800, sex="FEMALE")


def test_a_shorter_effort_takes_the_better_time_of_a_longer_one():
    found = efforts(strava_efforts=[StravaEffort(1000, 400, 5), StravaEffort(1609, 390, 9)])
    assert found[2] == ActivityEffort(StandardDistance.KM1, 390, 9, STRAVA)
    found = efforts(strava_efforts=[StravaEffort(5000, 1600, 5)], distance_m=10_000, elapsed_s=1590)
    assert found[7] == ActivityEffort(StandardDistance.KM5, 1590, 0, WHOLE)


def test_what_was_not_measured_is_implied_by_the_next_longer():
    found = efforts(strava_efforts=[StravaEffort(1000, 200, 5)], distance_m=5000, elapsed_s=1500)
    assert [(each.distance.name, each.elapsed_s, each.implied) for each in found] == [
        ("M400", 200, True),
        ("M800", 200, True),
        ("KM1", 200, False),
        ("M1500", 1500, True),
        ("MILE1", 1500, True),
        ("KM3", 1500, True),
        ("MILE2", 1500, True),
        ("KM5", 1500, False),
    ]
    assert [each.provenance for each in found] == [STRAVA] * 3 + [WHOLE] * 5


def test_bad_streams_are_an_error():
    with pytest.raises(StreamError):
        efforts(streams=Streams([0, 1, 2], [0, 3]))


# Whole runs, glitches of every kind included: seconds and metres of each step.
tracks = st.lists(
    st.one_of(
        st.tuples(st.integers(60, 900), st.integers(100, 3000)),
        st.tuples(st.integers(20, 200), st.integers(200, 2000)),
        st.tuples(st.integers(1, 900), st.just(0)),
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def activities(draw):
    seconds, meters = [0], [0]
    for step_s, step_m in draw(tracks):
        seconds.append(seconds[-1] + step_s)
        meters.append(meters[-1] + step_m)
    strava_efforts = st.builds(
        StravaEffort,
        st.sampled_from([400, 805, 1000, 1609, 3219, 5000, 10000]),
        st.integers(30, 4000),
        st.integers(0, 99),
    )
    return {
        "streams": Streams(seconds, meters) if draw(st.booleans()) else None,
        "strava_efforts": draw(st.lists(strava_efforts, max_size=6)),
        "distance_m": draw(st.sampled_from([meters[-1], 400, 1000, 1000, 5020, 10_050])),
        "elapsed_s": draw(st.integers(30, 4000)),
        "sex": "MALE",
    }


@settings(max_examples=300, deadline=None)
@given(activities())
def test_inside_an_activity_times_never_contradict_and_nothing_is_missing(activity):
    found = efforts(**activity)
    assert [each.distance for each in found] == list(StandardDistance)[: len(found)]
    assert all(shorter.elapsed_s <= longer.elapsed_s for shorter, longer in pairwise(found))
    assert all(is_plausible(each.distance, each.elapsed_s, "MALE") for each in found)
    assert not (found and found[-1].implied)


@settings(max_examples=300, deadline=None)
@given(st.lists(activities(), max_size=5))
def test_the_bests_of_a_set_of_activities_never_contradict(many):
    found = [each for activity in many for each in efforts(**activity)]
    bests_s = [best_s(found, distance) for distance in StandardDistance]
    existing_s = [best for best in bests_s if best is not None]
    assert existing_s == sorted(existing_s)


def best_s(found, distance):
    """The personal best in seconds; efforts' dates do not matter to it."""
    dated = [DatedEffort(0, None, each.elapsed_s, each.implied) for each in found if each.distance is distance]
    return min((each.elapsed_s for each in counting(dated)), default=None)


def test_a_slower_effort_elsewhere_lets_the_implied_one_count():
    glitch = efforts(strava_efforts=[StravaEffort(400, 30, 0), StravaEffort(1000, 200, 0)])
    walk = efforts(strava_efforts=[StravaEffort(400, 250, 0)])
    assert best_s(glitch, StandardDistance.M400) is None
    assert best_s(glitch + walk, StandardDistance.M400) == 200
    assert best_s(glitch + walk, StandardDistance.KM1) == 200
