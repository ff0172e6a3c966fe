"""Splits are derived with the efforts: by a sync, again by a recalculation, and of files."""

import io

import pytest

from db.models import ImportOutcome
from db.transaction_runner import TransactionRunner
from jobs.imports.file_import import FileImport
from tests.jobs.few_runs import strava  # noqa: F401 - the fixture
from tests.recordings.run import fit_file, run_of

SPLITS = """SELECT unit, split_number AS number, s.start_offset_s AS start, round(s.distance_m::numeric, 1)::float8 AS meters,
    round(s.elapsed_time_s) AS elapsed, round(s.moving_time_s) AS moving, is_partial AS partial,
    s.average_heart_rate_bpm AS rate, elevation_change_m AS up, pace_fits
    FROM activity_splits s JOIN activities a ON a.id = activity_id AND a.athlete_id = s.athlete_id
    CROSS JOIN LATERAL (SELECT level_distance_m IS NOT NULL AS pace_fits) f
    WHERE strava_id = :id ORDER BY unit, number"""


def streams(**more) -> dict:
    """2,502 m in 934 s with a pause of 100 s after 1,200 m."""
    times = [*range(401), *range(501, 935)]
    meters = [3.0 * each if each <= 400 else 3.0 * (each - 100) for each in times]
    return {"time": times, "distance": meters} | {name: make(meters) for name, make in more.items()}


def test_a_sync_derives_them_and_a_recalculation_again(world):
    runner = world.connect()
    given = streams(
        heartrate=lambda meters: [100 if each < 1000 else 150 for each in meters],
        altitude=lambda meters: [100 + min(each, 1000.0) / 20 for each in meters],
    )
    strava_id = world.strava.add(streams=given, start_date="2021-12-24T10:00:00Z")
    world.sync(runner, activity_id=strava_id)
    found = world.rows(SPLITS, id=strava_id)
    kilometers = [each for each in found if each["unit"] == "KILOMETER"]
    assert [(each["number"], each["meters"], each["elapsed"], each["moving"], each["partial"]) for each in kilometers] == [
        (1, 1000, 333, 333, False), (2, 1000, 433, 332, False), (3, 502, 167, 167, True),
    ]  # fmt: skip
    assert [each["rate"] for each in kilometers] == [100, 150, 150]
    assert [each["up"] for each in kilometers] == [pytest.approx(up, abs=1) for up in (50, 0, 0)]
    assert all(each["pace_fits"] for each in found)
    assert [each["meters"] for each in found if each["unit"] == "MILE"] == [1609.3, 892.7]

    world.write("DELETE FROM activity_splits")
    world.work(world.create(runner, kind="PERSONAL_BESTS"))
    assert world.rows(SPLITS, id=strava_id) == found


def test_a_run_that_turns_out_to_be_a_ride_has_none(world):
    runner = world.connect()
    strava_id = world.strava.add(streams=streams(), start_date="2021-12-24T10:00:00Z")
    world.sync(runner, activity_id=strava_id)
    assert len(world.rows(SPLITS, id=strava_id)) == 5
    world.strava.change(strava_id, sport_type="Ride")
    world.sync(runner, activity_id=strava_id)
    assert world.rows(SPLITS, id=strava_id) == []


def test_a_treadmill_has_no_grade(world):
    runner = world.connect()
    given = streams(altitude=lambda meters: [100.0 for _ in meters])
    strava_id = world.strava.add(streams=given, trainer=True)
    world.sync(runner, activity_id=strava_id)
    assert {each["up"] for each in world.rows(SPLITS, id=strava_id)} == {None}


def test_the_same_run_as_a_file_has_the_same_splits(world):
    runner = world.connect()
    run = run_of(1200)
    given = {
        "time": run.time_s, "distance": run.distance_m, "heartrate": run.heart_rate_bpm,
        "altitude": run.altitude_m,
    }  # fmt: skip
    strava_id = world.strava.add(streams=given)
    world.sync(runner, activity_id=strava_id)
    importer = FileImport(TransactionRunner(world.database), runner)
    assert [item.outcome for item in importer.take("run.fit", io.BytesIO(fit_file(run)))] == [
        ImportOutcome.IMPORTED
    ]
    from_file = SPLITS.replace("strava_id = :id", "source = 'FILE'")
    own, other = world.rows(SPLITS, id=strava_id), world.rows(from_file)
    assert len(own) == len(other) > 5
    for one, two in zip(own, other, strict=True):
        for name in ("meters", "elapsed", "moving", "rate", "up"):
            assert float(two[name]) == pytest.approx(float(one[name]), abs=1)
