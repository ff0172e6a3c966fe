"""Files become activities with efforts and bests, once each."""

import gzip
import io
import re
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import text

from db.session import SyncDatabase
from db.statements.activities import gear
from db.statements.activities.activity_edit import edit
from db.statements.activities.deleted_activity import delete_activity, restore
from db.stream_codec import decode
from db.transaction_runner import TransactionRunner
from jobs.athlete_unknown import AthleteUnknown
from jobs.imports.file_import import FileImport, ImportOutcome
from jobs.imports.prepared_file import prepare
from recordings import UnreadableFile
from recordings.strava_list import ListedActivity
from tests import factories as make
from tests.recordings.run import fit_file, gpx_file, run_of, tcx_file

RUN = run_of(2400)


@pytest.fixture
def athlete_id(db) -> int:
    return make.create_athlete(db, sex="FEMALE", birth_date="1990-01-01")


@pytest.fixture
def importer(settings, athlete_id):
    database = SyncDatabase(settings, application_name="test")
    yield lambda **options: FileImport(TransactionRunner(database), athlete_id, **options)
    database.close()


def taken(importer, files: dict[str, bytes]) -> list:
    items = [item for name, data in files.items() for item in importer.take(name, io.BytesIO(data))]
    importer.finish()
    return items


def rows(db, sql: str) -> list[tuple]:
    return [tuple(each) for each in db.execute(text(sql)).all()]


BESTS = "SELECT distance, elapsed_s::float8 FROM personal_bests WHERE is_current ORDER BY distance"


def test_a_run_has_its_facts_efforts_and_bests(importer, db):
    [item] = taken(importer(), {"2026/run.fit": fit_file(RUN)})
    assert (item.file, item.outcome) == ("2026/run.fit", ImportOutcome.IMPORTED)
    [row] = rows(
        db,
        "SELECT id, source, sport_type, round(distance_m::numeric), elapsed_time_s, streams_state, "
        "visibility, timezone, average_heart_rate_bpm BETWEEN 110 AND 150 FROM activities",
    )
    assert row == (
        item.activity_id, "FILE", "Run", round(RUN.distance_m[-1]), 2399, "STORED", "ONLY_ME",
        "Europe/Zurich", True,
    )  # fmt: skip
    bests = dict(rows(db, BESTS))
    assert set(bests) >= {"M400", "KM1", "MILE1", "KM5"}
    assert rows(db, "SELECT count(*) FROM best_efforts WHERE age_grade_percent > 0")[0][0] > 3


def test_details_and_laps_are_the_files(importer, db):
    notes = b"<Notes>Along the river</Notes><Creator>"
    tcx = tcx_file(RUN).replace(b"<Creator>", notes)
    gpx = gpx_file(RUN).replace(
        b"<type>", b"<desc>Along the lake</desc><type>treadmill</type><type>"
    )
    taken(importer(), {"a.tcx": tcx, "b.gpx": gpx, "c.fit": fit_file(RUN)})
    columns = "description, device_name, calories_kcal, is_race, trainer"
    assert rows(db, f"SELECT {columns} FROM activities ORDER BY description") == [
        ("Along the lake", "Tests", None, False, True),
        ("Along the river", "Watch One", 300.0, False, False),
        (None, "garmin fr945", None, False, False),
    ]
    laps = (
        "SELECT a.name, lap_number, start_offset_s, l.elapsed_time_s, l.moving_time_s, "
        "round(l.distance_m::numeric) FROM activity_laps l JOIN activities a ON a.id = activity_id "
        "ORDER BY 1"
    )
    meters = round(RUN.distance_m[-1])
    assert rows(db, laps) == [
        ("a.tcx", 1, 0.0, 2399.0, 2399.0, meters),
        ("c.fit", 1, 0.0, 2399.0, 2399.0, meters),
    ]


def test_fit_gpx_and_tcx_of_a_run_are_one_run(importer, db):
    files = {
        "a.fit": fit_file(RUN),
        "a.gpx": gpx_file(RUN),
        "a.tcx.gz": gzip.compress(tcx_file(RUN)),
    }
    assert {each.outcome for each in taken(importer(), files)} == {ImportOutcome.IMPORTED}
    assert rows(db, "SELECT count(*), count(duplicate_of_id) FROM activities") == [(3, 2)]


def test_importing_twice_changes_nothing(importer, db):
    files = {"a.fit": fit_file(RUN), "b.gpx": gpx_file(run_of(600), start_s=1.78e9)}
    first = taken(importer(), files)
    everything = "SELECT id, updated_at FROM activities ORDER BY id"
    before = rows(db, everything), rows(db, BESTS)
    again = taken(importer(), {f"renamed-{name}": data for name, data in files.items()})
    assert [each.outcome for each in again] == [ImportOutcome.SAME_AS] * 2
    assert [each.activity_id for each in again] == [each.activity_id for each in first]
    assert (rows(db, everything), rows(db, BESTS)) == before


def test_what_the_database_refuses_costs_no_other_file(importer, db):
    db.execute(text("ALTER TABLE activities ADD CHECK (name <> 'No')"))
    db.execute(text("ALTER TABLE activity_splits ADD CHECK (distance_m < 999)"))
    files = {"a.fit": fit_file(RUN), "b.gpx": gpx_file(run_of(600), start_s=1.78e9, name="No")}
    files["c.tcx"] = tcx_file(run_of(200), start_s=1.79e9)
    waiting = importer()
    for name, data in files.items():
        assert list(waiting.receive(prepare(name, io.BytesIO(data), None, waiting.rules()))) == []
    in_parts, refused, whole = waiting.flush()
    outcomes = [each.outcome.value for each in (in_parts, refused, whole)]
    assert outcomes == ["IMPORTED", "FAILED", "IMPORTED"]
    assert "its splits, heart rates and route could not be stored" in in_parts.message
    assert refused.message.startswith("it cannot be stored: ")
    assert "\n" not in refused.message
    assert (refused.activity_id, "could not be" in whole.message) == (None, False)
    assert rows(db, "SELECT name FROM activities ORDER BY name") == [("a.fit",), ("c.tcx",)]
    waiting.finish()
    assert len(rows(db, BESTS)) > 3


def test_an_activity_that_is_deleted_during_its_import_is_told(importer, db):
    taken(importer(), {"a.fit": fit_file(RUN)})
    again = importer()
    rules = again.rules()
    db.execute(text("DELETE FROM activities"))
    assert list(again.receive(prepare("a.fit", io.BytesIO(fit_file(RUN)), None, rules))) == []
    [item] = again.flush()
    assert (item.outcome, item.activity_id) == (ImportOutcome.SKIPPED, None)
    assert "was deleted while this import ran. Import it again" in item.message


def test_an_activity_that_was_deleted_can_be_imported_again(importer, db):
    files = {"a.fit": fit_file(RUN)}
    taken(importer(), files)
    db.execute(text("DELETE FROM activities"))
    assert taken(importer(), files)[0].outcome is ImportOutcome.IMPORTED


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_an_activity_that_its_athlete_deleted_is_not_imported_again(importer, db, is_dry_run):
    files = {"a.fit": fit_file(RUN), "b.tcx": tcx_file(RUN)}
    [deleted, kept] = taken(importer(), files)
    for statement in delete_activity():
        db.execute(statement, {"activity": deleted.activity_id})
    again = taken(importer(is_dry_run=is_dry_run), files)
    assert [(each.outcome.value, each.activity_id) for each in again] == [
        ("SKIPPED", None), ("SAME_AS", kept.activity_id),
    ]  # fmt: skip
    assert rows(db, "SELECT id FROM activities") == [(kept.activity_id,)]
    db.execute(restore(), {"activity": deleted.activity_id})
    outcomes = [each.outcome.value for each in taken(importer(), files)]
    assert outcomes == ["IMPORTED", "SAME_AS"]


def test_which_activity_of_strava_a_file_is_of_is_noted(importer, db):
    for listed in (None, ListedActivity(7, None, "Run", None, None)):
        importing = importer()
        [item] = importing.take("7.fit", io.BytesIO(fit_file(RUN)), listed)
        told = listed and listed.strava_id
        assert rows(db, "SELECT strava_id FROM imported_files") == [(told,)]
    assert item.outcome is ImportOutcome.SAME_AS


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_the_list_tells_what_was_deleted_of_strava(importer, db, athlete_id, is_dry_run):
    listed = ListedActivity(7, "a", "Run", None, "Red")
    run = make.create_activity(db, athlete_id, strava_id=7)
    for statement in delete_activity():
        db.execute(statement, {"activity": run})
    importing = importer(is_dry_run=is_dry_run)
    [item] = importing.take("7.fit", io.BytesIO(fit_file(RUN)), listed)
    assert (item.outcome, item.activity_id) == (ImportOutcome.SKIPPED, None)
    assert "`restoreActivity`" in item.message
    assert rows(db, "SELECT (SELECT count(*) FROM activities), (SELECT count(*) FROM gear)") == [
        (0, 0)
    ]
    db.execute(restore(), {"activity": run})
    [item] = importing.take("7.fit", io.BytesIO(fit_file(RUN)), listed)
    assert item.outcome is ImportOutcome.IMPORTED


def test_broken_files_are_named_and_the_rest_is_imported(importer, db):
    files = {
        "empty.fit": b"",
        "words.gpx": b"no recording",
        "half.fit": fit_file(RUN)[:4000],
        "whole.tcx": tcx_file(run_of(300), start_s=1.7e9),
    }
    items = taken(importer(), files)
    assert [(each.file, each.outcome.value) for each in items] == [
        ("empty.fit", "FAILED"),
        ("words.gpx", "FAILED"),
        ("half.fit", "IMPORTED"),
        ("whole.tcx", "IMPORTED"),
    ]
    assert "ends early" in items[2].message
    problem = UnreadableFile("x.fit", "it is encrypted.", "Pack it without a password.")
    [left_out] = importer().take("x.fit", problem)
    assert left_out.message == "it is encrypted. Pack it without a password."


def test_a_dry_run_writes_nothing(importer, db):
    [item] = taken(importer(is_dry_run=True), {"a.fit": fit_file(RUN)})
    assert (item.outcome, item.activity_id) == (ImportOutcome.IMPORTED, None)
    assert rows(db, "SELECT count(*) FROM activities") == [(0,)]


TREADMILL = re.sub(rb"<Position>.*?</Position>", b"", tcx_file(RUN))
ZONE = "SELECT timezone, started_at_local::text FROM activities WHERE source = 'FILE'"


def test_without_positions_the_zone_is_that_of_the_nearest_run(importer, db, athlete_id):
    for month, zone in (("01", "Europe/Lisbon"), ("05", "Asia/Tokyo"), ("06", "Etc/GMT-3")):
        began = datetime.fromisoformat(f"2026-{month}-16T06:00:00+00:00")
        make.create_activity(db, athlete_id, started_at=began, timezone=zone)
    taken(importer(), {"treadmill.tcx": TREADMILL})
    assert rows(db, ZONE) == [("Asia/Tokyo", "2026-05-17 15:30:00")]


@pytest.mark.parametrize(
    ("latitude", "longitude", "zone", "local"),
    [
        (47.697, 8.690, "Europe/Busingen", "08:30"),  # an exclave in Switzerland
        (65.848, 24.146, "Europe/Helsinki", "09:30"),  # half a kilometer from Sweden
        (-31.68, 128.88, "Australia/Eucla", "15:15"),
        (30.0, -40.0, "Etc/GMT+3", "03:30"),  # the Atlantic
    ],
)
def test_the_zone_is_that_of_the_first_position(importer, db, latitude, longitude, zone, local):
    place = f'<trkpt lat="{latitude}" lon="{longitude}">'.encode()
    data = re.sub(rb"<trkpt[^>]*>", place, gpx_file(run_of(60)))
    taken(importer(), {"a.gpx": data})
    assert rows(db, ZONE) == [(zone, f"2026-05-17 {local}:00")]


def test_the_list_of_an_export_gives_names_and_sports(importer, db):
    listed = ListedActivity(1, "Stadtlauf", "TrailRun", "with friends", "Shoes")
    [item] = importer().take("activities/1.fit", io.BytesIO(fit_file(RUN)), listed)
    assert item.outcome is ImportOutcome.IMPORTED
    assert rows(db, "SELECT name, sport_type FROM activities") == [("Stadtlauf", "TrailRun")]
    [same] = importer().take("activities/1.fit", io.BytesIO(fit_file(RUN)), listed)
    assert same.outcome is ImportOutcome.SAME_AS
    other = replace(listed, name="Autumn run")
    [renamed] = importer(is_dry_run=True).take("1.fit", io.BytesIO(fit_file(RUN)), other)
    assert renamed.outcome is ImportOutcome.UPDATED
    assert rows(db, "SELECT name FROM activities") == [("Stadtlauf",)]
    [renamed] = importer().take("1.fit", io.BytesIO(fit_file(RUN)), other)
    assert (renamed.outcome, renamed.activity_id) == (ImportOutcome.UPDATED, item.activity_id)
    assert rows(db, "SELECT name, sport_type FROM activities") == [("Autumn run", "TrailRun")]


GEAR = (
    "SELECT a.name, g.name, is_race FROM activities a LEFT JOIN gear g ON g.id = gear_id ORDER BY 1"
)


def test_the_list_of_an_export_gives_gear_and_races(importer, db, athlete_id):
    db.execute(
        text("INSERT INTO gear (athlete_id, strava_id, name) VALUES (:id, 'g1', 'Fast Ones')"),
        {"id": athlete_id},
    )
    blue = ListedActivity(1, "a", "Run", None, "Blue shoes")
    given = {
        "a": (run_of(60), blue),
        "b": (run_of(61), replace(blue, name="b", gear="BLUE shoes", is_race=True)),
        "c": (run_of(62), replace(blue, name="c", gear="fast ones")),
        "d": (run_of(63), replace(blue, name="d", gear=None)),
        "e": (run_of(64), replace(blue, name="e", sport_type="Ride", gear="A bike")),
    }
    importing = importer()
    for name, (run, listed) in given.items():
        [item] = importing.take(name, io.BytesIO(fit_file(run)), listed)
        assert item.outcome is ImportOutcome.IMPORTED
    assert rows(db, GEAR) == [
        ("a", "Blue shoes", False), ("b", "Blue shoes", True), ("c", "Fast Ones", False), ("d", None, False),
        ("e", None, False),
    ]  # fmt: skip
    assert rows(db, "SELECT count(*) FROM gear") == [(2,)]


def test_importing_again_gives_gear_that_the_list_tells_now(importer, db):
    listed = ListedActivity(1, "a", "Run", None, None)
    [first] = importer().take("a", io.BytesIO(fit_file(RUN)), listed)
    shod = replace(listed, gear="Red")
    told = "SELECT count(*) FROM athlete_changes WHERE of_athlete"
    assert rows(db, told) == [(0,)]
    [item] = importer().take("a", io.BytesIO(fit_file(RUN)), shod)
    assert rows(db, told) == [(1,)]  # new shoes
    assert (item.outcome, item.activity_id) == (ImportOutcome.UPDATED, first.activity_id)
    assert item.message == "its gear is now 'Red'"
    [item] = importer().take("a", io.BytesIO(fit_file(RUN)), shod)
    assert item.outcome is ImportOutcome.SAME_AS
    [item] = importer().take("a", io.BytesIO(fit_file(RUN)), replace(shod, gear="Green", name="b"))
    assert item.message == "its name is now 'b'; its gear is now 'Green'"
    assert rows(db, GEAR) == [("b", "Green", False)]


def test_importing_again_leaves_what_the_athlete_edited(importer, db):
    listed = ListedActivity(1, "a", "Run", None, None)
    [first] = importer().take("a", io.BytesIO(fit_file(RUN)), replace(listed, gear="Red"))
    edited = {"changed_activity_id": first.activity_id}
    db.execute(edit({"name": "Mine"}), edited)
    told = replace(listed, gear="Green", name="b")
    [item] = importer().take("a", io.BytesIO(fit_file(RUN)), told)
    assert item.message == "its gear is now 'Green'"
    db.execute(edit({"gear_id": None}), edited)
    [item] = importer().take("a", io.BytesIO(fit_file(RUN)), replace(told, gear="Red"))
    assert item.outcome is ImportOutcome.SAME_AS
    assert rows(db, "SELECT name, gear_id FROM activities") == [("Mine", None)]


def test_renamed_gear_is_known_by_its_old_name(importer, db):
    old = ListedActivity(1, "a", "Run", None, "Pegasus")
    list(importer().take("a", io.BytesIO(fit_file(RUN)), old))
    [(pair,)] = rows(db, "SELECT id FROM gear")
    for name in ("Old", "Old shoes"):
        db.execute(gear.edit({"name": name}), {"changed_gear_id": pair})
    [again] = importer().take("a", io.BytesIO(fit_file(RUN)), old)
    assert again.outcome is ImportOutcome.SAME_AS
    for name, told in (("b", "PEGASUS"), ("c", "old shoes")):
        data = io.BytesIO(fit_file(run_of(60 + ord(name))))
        list(importer().take(name, data, replace(old, name=name, gear=told)))
    assert {each[:2] for each in rows(db, GEAR)} == {(each, "Old shoes") for each in "abc"}
    assert rows(db, "SELECT name, source_name FROM gear") == [("Old shoes", "Pegasus")]


def test_gear_beyond_a_hundred_is_left_out(importer, db, athlete_id):
    for number in range(gear.MOST_OF_ATHLETE - 1):
        make.create_gear(db, athlete_id, name=f"{number}")
    told = ListedActivity(1, "a", "Run", None, "Last")
    list(importer().take("a", io.BytesIO(fit_file(RUN)), told))
    for name, data, outcome in (
        ("b", fit_file(run_of(60)), "IMPORTED"),
        ("a", fit_file(RUN), "SAME_AS"),
    ):
        [item] = importer().take(name, io.BytesIO(data), replace(told, name=name, gear="More"))
        assert item.outcome.value == outcome
        assert "its gear 'More' is left out" in item.message
    assert rows(db, GEAR) == [("a", "Last", False), ("b", None, False)]
    other = replace(told, name="c", gear="More")
    [item] = importer().take("a", io.BytesIO(fit_file(RUN)), other)
    assert item.outcome is ImportOutcome.UPDATED
    assert item.message.startswith("its name is now 'c'; its gear 'More' is left out")


def test_an_unknown_athlete_is_told(settings):
    database = SyncDatabase(settings, application_name="test")
    with pytest.raises(AthleteUnknown, match="no athlete 4711"):
        FileImport(TransactionRunner(database), 4711).rules()
    database.close()


def test_rides_have_no_efforts_and_no_streams(importer, db):
    taken(importer(), {"ride.fit": fit_file(RUN, sport=2)})
    assert rows(db, "SELECT sport_type, streams_state FROM activities") == [("Ride", "UNWANTED")]
    assert rows(db, "SELECT count(*) FROM best_efforts") == [(0,)]
    assert rows(db, "SELECT count(*) FROM activity_streams") == [(0,)]


def test_all_that_a_file_recorded_is_stored(importer, db):
    taken(importer(), {"a.fit": fit_file(RUN)})
    [(samples, positions, duration_s, is_complete)] = rows(
        db, "SELECT samples, positions, duration_s, is_complete FROM activity_streams"
    )
    stored = decode(samples, positions)
    assert (stored.time_s, duration_s, is_complete) == (RUN.time_s, 2399, True)
    assert list(stored.heart_rate_bpm) == RUN.heart_rate_bpm
    assert stored.altitude_m == pytest.approx(RUN.altitude_m, abs=0.15)
    assert stored.latitude == pytest.approx(RUN.latitude, abs=2e-6)
    assert stored.longitude == pytest.approx(RUN.longitude, abs=2e-6)
    assert stored.power_w is None
    levels = rows(db, "SELECT points, positions IS NOT NULL FROM activity_stream_levels ORDER BY 1")
    assert levels == [(64, True), (128, True), (512, True)]
