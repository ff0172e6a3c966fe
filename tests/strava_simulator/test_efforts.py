import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletics.best_effort import best_efforts
from strava_simulator.efforts import STRAVA_DISTANCES, fastest_window, splits
from strava_simulator.synthetic import synthetic_activities

RUNS = Path(__file__).parents[1] / "strava" / "data" / "runs.ndjson"


def brute_force(time_s, distance_m, length_m):
    """The quickest window that starts or ends at a sample, by trying all; for recordings without
    jumps or pauses.
    """

    def when(at_m):
        for (t0, d0), (t1, d1) in zip(
            zip(time_s, distance_m, strict=True),
            zip(time_s[1:], distance_m[1:], strict=True),
            strict=False,
        ):
            if d0 <= at_m <= d1:
                return t0 + (t1 - t0) * (at_m - d0) / (d1 - d0)
        return None

    starts = [*distance_m, *(meters - length_m for meters in distance_m)]
    times = [(when(start), when(start + length_m)) for start in starts]
    return min(
        (end - start for start, end in times if start is not None and end is not None), default=None
    )


steps = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=25)


@settings(deadline=None, database=None)
@given(steps, st.integers(1, 400))
def test_the_window_is_the_quickest_of_all(steps, length_m):
    time_s, distance_m = [0], [0.0]
    for seconds, speed in steps:
        time_s.append(time_s[-1] + seconds)
        distance_m.append(distance_m[-1] + seconds * speed)
    expected = brute_force(time_s, distance_m, length_m)
    found = fastest_window(time_s, distance_m, length_m)
    assert (found and found.elapsed_s) == (
        expected if expected is None else pytest.approx(expected)
    )


def test_a_pause_counts():
    assert fastest_window([0, 100, 400, 500], [0, 400, 400, 800], 800).elapsed_s == 500
    assert fastest_window([0, 100, 400, 500], [0, 400, 400, 800], 400).elapsed_s == 100


@pytest.mark.parametrize(
    ("time_s", "distance_m"),
    [
        ([0, 100, 101, 201], [0, 300, 3300, 3600]),
        ([0, 100, 101, 106, 206], [0, 300, 900, 915, 1215]),
        ([0, 100, 110], [0, 300, 200]),
    ],
)
def test_no_window_spans_a_jump(time_s, distance_m):
    assert fastest_window(time_s, distance_m, 400) is None
    assert fastest_window(time_s, distance_m, 300).elapsed_s == 100


def test_an_empty_recording():
    assert fastest_window([], [], 400) is None


def test_splits_add_up():
    found = list(splits([0, 300, 610, 800], [0.0, 1000.0, 2000.0, 2500.0], 1000.0))
    assert [(split.distance_m, split.elapsed_s, split.start_s) for split in found] == [
        (1000.0, 300, 0),
        (1000.0, 310, 300),
        (500.0, 190, 610),
    ]


def test_two_implementations_agree():
    recordings = [json.loads(line)["streams"] for line in RUNS.read_text().splitlines()]
    recordings += [
        streams
        for activity in synthetic_activities(1002)[:20]
        if (streams := activity.read_streams())
    ]
    compared = 0
    for streams in recordings:
        theirs = best_efforts(streams["time"], streams["distance"])
        by_metres = {distance.meters: effort.elapsed_s for distance, effort in theirs.items()}
        for _, _, exact_m in STRAVA_DISTANCES:
            if exact_m in by_metres:
                ours = fastest_window(streams["time"], streams["distance"], exact_m)
                assert ours.elapsed_s == pytest.approx(by_metres[exact_m], abs=0.01)
                compared += 1
    assert compared > 50
