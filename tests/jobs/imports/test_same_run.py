"""The same run has the same efforts, whatever it was recorded by, and in whatever format."""

import gzip
import io
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from athletics.distance import StandardDistance
from db.stream_codec import Samples
from jobs.imports.prepared_file import ReadingRules, prepare
from jobs.sync.derived_rows import Runner, derive_rows
from tests.recordings.run import Run, fit_file, gpx_file, run_of, tcx_file

SECONDS, START = 3_200, datetime(2026, 5, 17, tzinfo=UTC)
UP_TO_10_KM = {each for each in StandardDistance if each.meters <= 10_000}
WHOLE = run_of(SECONDS)
PAUSED = run_of(SECONDS + 400, pauses=(range(700, 1_000), range(2_500, 2_600)))


def sampled(run: Run, times: list[float]) -> Run:
    """The run as a device records it that takes samples at other times."""
    columns = (run.distance_m, run.latitude, run.longitude, run.altitude_m)
    found = (np.interp(times, run.time_s, column).tolist() for column in columns)
    rates = [round(each) for each in np.interp(times, run.time_s, run.heart_rate_bpm)]
    return Run(times, *found, rates)


def smart() -> list[float]:
    """Some samples a few seconds apart, as many watches take them by default."""
    random, times = Random(14), [0.0]
    while times[-1] < SECONDS - 7:
        times.append(times[-1] + random.randint(1, 6))
    return [*times, SECONDS - 1.0]


RECORDINGS = {
    "each second": WHOLE,
    "smart recording": sampled(WHOLE, smart()),
    "four a second": sampled(WHOLE, [each / 4 for each in range(4 * SECONDS - 3)]),
    "pauses": PAUSED,
}


def of_file(name: str, data: bytes) -> dict[StandardDistance, float]:
    [activity] = prepare(name, io.BytesIO(data), None, ReadingRules()).activities
    return {each.distance: each.elapsed_s for each in activity.efforts}


def of_strava(run: Run) -> dict[StandardDistance, float]:
    """Strava's streams have whole seconds, one sample each, and tenths of meters."""
    taken = {int(second): place for place, second in reversed([*enumerate(run.time_s)])}
    times = sorted(taken)
    meters = [round(run.distance_m[taken[each]], 1) for each in times]
    activity = SimpleNamespace(
        id=1,
        athlete_id=1,
        sport_type="Run",
        flagged=False,
        trainer=False,
        distance_m=meters[-1],
        elapsed_time_s=times[-1],
        started_at=START,
        started_at_local=START,
    )
    found = derive_rows(activity, Runner(None, None), Samples(times, meters))
    return {StandardDistance(row["distance"]): row["elapsed_s"] for row in found.rows}


@pytest.mark.parametrize("recorded", RECORDINGS)
def test_efforts_are_within_a_second_of_each_other(recorded):
    run = RECORDINGS[recorded]
    found = {
        "FIT": of_file("a.fit", fit_file(run)),
        "GPX": of_file("a.gpx", gpx_file(run)),
        "TCX": of_file("a.tcx.gz", gzip.compress(tcx_file(run))),
        "Strava": of_strava(run),
    }
    for distance in UP_TO_10_KM:
        seconds = {name: efforts[distance] for name, efforts in found.items()}
        assert max(seconds.values()) - min(seconds.values()) <= 1, (distance, seconds)


@pytest.mark.parametrize("recorded", ["smart recording", "four a second"])
def test_efforts_do_not_depend_on_how_often_samples_are_taken(recorded):
    expected = of_file("a.fit", fit_file(WHOLE))
    found = of_file("a.fit", fit_file(RECORDINGS[recorded]))
    assert {each: found[each] for each in UP_TO_10_KM} == pytest.approx(
        {each: expected[each] for each in UP_TO_10_KM}, abs=1
    )
