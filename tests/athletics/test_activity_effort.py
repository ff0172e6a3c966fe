from itertools import pairwise
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.activity_effort import (
    ActivityEffort,
    RecordedRun,
    StravaEffort,
    Streams,
    efforts_of_activity,
    is_whole,
)
from athletics.best_effort import best_efforts
from athletics.distance import StandardDistance
from athletics.effort_place import starts_m
from athletics.effort_provenance import EffortProvenance
from athletics.personal_best import DatedEffort, counting
from athletics.plausibility import is_plausible
from athletics.track import StreamError, read_track

STREAM, STRAVA, WHOLE = EffortProvenance


def found_in(**changes):
    run = {
        "distance_m": 60_000.0,
        "elapsed_s": 0.0,
        "sport_type": "Run",
        "flagged": False,
        "sex": None,
    }
    values = run | changes
    about = {name: values.pop(name) for name in ("sport_type", "flagged", "sex")}
    return efforts_of_activity(RecordedRun(**values), **about)


def efforts(**changes):
    return found_in(**changes).efforts


def measured(**changes):
    return {each.distance.name: each for each in efforts(**changes) if not each.implied}


def steady(meters, speed_m_per_s):
    seconds = range(int(meters / speed_m_per_s) + 2)
    return Streams(seconds, [speed_m_per_s * second for second in seconds])


def test_streams_give_the_windows_of_the_definition(real_runs):
    for run in real_runs:
        streams = Streams(run["streams"]["time"], run["streams"]["distance"])
        best = best_efforts(streams.time_s, streams.distance_m)
        track = read_track(streams.time_s, streams.distance_m)
        starts = starts_m(track, [each.start_offset_s for each in best.values()])
        expected = [
            ActivityEffort(distance, each.elapsed_s, each.start_offset_s, STREAM, start_m=start)
            for (distance, each), start in zip(best.items(), starts, strict=True)
        ]
        found = found_in(streams=streams, distance_m=run["activity"]["distance"])
        assert [each for each in found.efforts if not each.implied] == expected


def test_with_streams_nothing_else_counts():
    given_efforts = [StravaEffort(400, 60, 0), StravaEffort(5000, 1000, 0)]
    found = measured(
        streams=steady(1000, 4), strava_efforts=given_efforts, distance_m=1004, elapsed_s=251
    )
    assert list(found) == ["M400", "M800", "KM1"]
    assert found["M400"].elapsed_s == 100


@pytest.mark.parametrize("streams", [None, Streams([], []), Streams([0], [0])])
def test_without_streams_stravas_count_and_then_the_whole_activity(streams):
    given_efforts = [
        StravaEffort(805, 170, 3),
        StravaEffort(1609, 400, 7),
        StravaEffort(1609, 390, 9),
    ]
    found = measured(streams=streams, strava_efforts=given_efforts, distance_m=5049, elapsed_s=1500)
    assert found == {
        "MILE1": ActivityEffort(StandardDistance.MILE1, 390, 9, STRAVA),
        "KM5": ActivityEffort(StandardDistance.KM5, 1500, 0, WHOLE),
    }


def test_stravas_own_effort_goes_before_the_whole_activity():
    found = measured(strava_efforts=[StravaEffort(5000, 1480, 12)], distance_m=5040, elapsed_s=1500)
    assert found["KM5"] == ActivityEffort(StandardDistance.KM5, 1480, 12, STRAVA)


@pytest.mark.parametrize(
    ("distance_m", "counts"),
    [(9979, False), (9980, True), (10_000, True), (10_100, True), (10_101, False)],
)
def test_a_whole_activity_counts_from_a_little_below_to_one_per_cent_above(distance_m, counts):
    assert ("KM10" in measured(distance_m=distance_m, elapsed_s=3000)) is counts


@pytest.mark.parametrize(
    "changes", [{"sport_type": "Ride"}, {"sport_type": "Hovercraft"}, {"flagged": True}]
)
def test_only_unflagged_runs_have_efforts(changes):
    assert efforts(distance_m=5000, elapsed_s=1500)
    assert efforts(distance_m=5000, elapsed_s=1500, **changes) == []


def test_implausible_efforts_are_dropped_whole():
    """400 m at 10 m/s, then a kilometer at 3: the slower 400 m are not looked for."""
    seconds = range(400)
    streams = Streams(seconds, [10 * s if s <= 40 else 400 + 3 * (s - 40) for s in seconds])
    found = measured(streams=streams, distance_m=streams.distance_m[-1])
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


# Whole runs, glitches of every kind included: seconds and meters of each step.
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
    dated = [
        DatedEffort(0, None, each.elapsed_s, each.implied)
        for each in found
        if each.distance is distance
    ]
    return min((each.elapsed_s for each in counting(dated)), default=None)


def test_a_slower_effort_elsewhere_lets_the_implied_one_count():
    glitch = efforts(strava_efforts=[StravaEffort(400, 30, 0), StravaEffort(1000, 200, 0)])
    walk = efforts(strava_efforts=[StravaEffort(400, 250, 0)])
    assert best_s(glitch, StandardDistance.M400) is None
    assert best_s(glitch + walk, StandardDistance.M400) == 200
    assert best_s(glitch + walk, StandardDistance.KM1) == 200


@pytest.mark.parametrize(
    ("distance", "miles", "counts"),
    [
        ("KM5", 3.1, True),
        ("KM10", 6.2, True),
        ("KM15", 9.3, True),
        ("KM20", 12.4, True),
        ("HALF_MARATHON", 13.1, True),
        ("MARATHON", 26.2, True),
        ("KM30", 18.6, True),
        ("KM5", 3.08, False),
        ("KM5", 3.0, False),
        ("MARATHON", 26.0, False),
    ],
)
@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_a_race_entered_in_miles_counts_though_it_is_short(distance, miles, counts, decimals):
    found = measured(distance_m=round(miles * 1609.344, decimals), elapsed_s=60_000)
    assert (distance in found) is counts
    if counts:
        assert found[distance].provenance is WHOLE


def test_what_rounding_explains_is_near_to_the_distance():
    for distance in StandardDistance:
        assert is_whole(distance, distance.meters)
        assert not is_whole(distance, distance.meters * 0.989)


# --- corrected distances


@pytest.mark.parametrize(
    ("distance_m", "on_treadmill", "expected_s"),
    [
        (4200, True, None),
        (5950, True, None),
        (4200, False, None),
        (6600, False, None),
        (6100, False, 400 / 4),
    ],
)
def test_samples_are_scaled_to_a_corrected_distance(distance_m, on_treadmill, expected_s):
    """6 km at 4 m/s. On a treadmill, or more than 2 % beside, the activity's distance is right."""
    streams = steady(6000, 4)
    found = measured(
        streams=streams, distance_m=distance_m, on_treadmill=on_treadmill, elapsed_s=1500
    )
    scale = distance_m / streams.distance_m[-1] if expected_s is None or on_treadmill else 1
    assert found["M400"].elapsed_s == pytest.approx(400 / (4 * scale), abs=0.01)
    assert ("KM5" in found) is (distance_m >= 5000)
    assert found["M400"].provenance is STREAM


@settings(max_examples=200, deadline=None)
@given(
    st.floats(300, 12_000),
    st.floats(2, 5),
    st.floats(0.3, 2.5),
    st.booleans(),
    st.sampled_from([0.0, 500.0]),
)
def test_no_effort_is_longer_than_the_activity(meters, speed, correction, on_treadmill, begins_m):
    streams = steady(meters, speed)
    shifted = Streams(streams.time_s, [begins_m + each for each in streams.distance_m])
    distance_m = meters * correction
    found = efforts(streams=shifted, distance_m=distance_m, on_treadmill=on_treadmill)
    assert all(each.distance.meters <= distance_m + 0.1 for each in found)


def test_samples_without_any_distance_are_no_correction():
    assert efforts(streams=Streams([0, 100], [0, 0]), distance_m=5000, elapsed_s=1500)[-1] == (
        ActivityEffort(StandardDistance.KM5, 1500, 0, WHOLE, start_m=0)
    )
    assert efforts(streams=steady(1000, 4), distance_m=0) == []


@pytest.mark.parametrize("place", [0, 700, -1], ids=["at the start", "in the middle", "at the end"])
@pytest.mark.parametrize("false_m", [-2e5, 0, 3e5, 9e8])
@pytest.mark.parametrize("on_treadmill", [False, True])
def test_a_false_sample_is_no_correction(place, false_m, on_treadmill):
    """6 km at 4 m/s with one sample that is wrong by kilometers: only windows over it are lost."""
    streams = steady(6000, 4)
    meters = list(streams.distance_m)
    if on_treadmill and place == -1:
        place = -2  # the last one is what is scaled to the distance
    meters[place] = false_m
    found = measured(
        streams=Streams(streams.time_s, meters),
        distance_m=6000,
        on_treadmill=on_treadmill,
        elapsed_s=1501,
    )
    for name in ("M400", "M800", "KM1", "M1500", "MILE1"):
        assert found[name].provenance is STREAM
        assert found[name].elapsed_s == pytest.approx(found[name].distance.meters / 4, rel=0.002)


def test_a_jump_that_is_not_in_the_distance_is_no_correction():
    """6 km at 4 m/s and a jump of 3 km, which Strava took out of the distance."""
    streams = steady(6000, 4)
    meters = [each + (3000 if each > 4000 else 0) for each in streams.distance_m]
    found = measured(
        streams=Streams(streams.time_s, meters),
        distance_m=6000,
        elapsed_s=1501,
        strava_efforts=[StravaEffort(5000, 1250, 0)],
    )
    assert {name: each.provenance for name, each in found.items()} == {
        **dict.fromkeys(["M400", "M800", "KM1", "M1500", "MILE1", "KM3", "MILE2"], STREAM),
        "KM5": STRAVA,
    }
    assert found["M400"].elapsed_s == pytest.approx(100)


# --- a broken track


def broken_at(middle, jump_m=5000.0):
    """3 km at 4 m/s on either side of a glitch."""
    seconds = range(1500)
    return Streams(seconds, [4 * s if s < middle else 4 * s + jump_m for s in seconds])


def test_over_distances_that_a_broken_track_lacks_strava_is_believed():
    streams = broken_at(750)
    given_efforts = [
        StravaEffort(400, 90, 0),
        StravaEffort(5000, 1300, 7),
        StravaEffort(10_000, 2600, 0),
    ]
    found = measured(
        streams=streams, strava_efforts=given_efforts, distance_m=streams.distance_m[-1]
    )
    assert {name: each.provenance for name, each in found.items()} == {
        "M400": STREAM, "M800": STREAM, "KM1": STREAM, "M1500": STREAM, "MILE1": STREAM,
        "KM5": STRAVA, "KM10": STRAVA,
    }  # fmt: skip
    assert found["M400"].elapsed_s == 100


def test_and_then_the_whole_activity():
    found = measured(streams=broken_at(750, -1000.0), distance_m=5000, elapsed_s=1500)
    assert found["KM5"] == ActivityEffort(StandardDistance.KM5, 1500, 0, WHOLE, start_m=0)


def test_what_a_track_lacks_is_told():
    streams = broken_at(750)
    whole_m = streams.distance_m[-1]
    assert [each.name for each in found_in(streams=streams, distance_m=whole_m).lacking] == [
        "KM3", "MILE2", "KM5", "KM10",
    ]  # fmt: skip
    assert found_in(streams=steady(6000, 4), distance_m=6000).lacking == []


def test_an_effort_of_strava_beyond_the_activity_is_not_believed():
    given_efforts = [StravaEffort(1000, 240, 0), StravaEffort(5000, 1300, 7)]
    assert list(measured(strava_efforts=given_efforts, distance_m=4200)) == ["KM1"]
