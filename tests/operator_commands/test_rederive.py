"""`pacegraph rederive`: activities become what an import of today makes of their originals."""

import io
import os
import signal

import pytest
from sqlalchemy import text

import cli
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from graph.global_id import encode_id
from jobs.imports import prepared_file
from jobs.imports.file_import import FileImport
from jobs.imports.originals import Originals
from jobs.imports.rules_version import RULES_VERSION
from recordings.strava_list import ListedActivity
from tests import factories as make
from tests.logs.log_state import logs_restored
from tests.recordings.run import fit_file, gpx_file, run_of

TABLES = {
    "activities": "to_jsonb(t) - ARRAY['updated_at'] FROM activities t ORDER BY id",
    "efforts": "to_jsonb(t) FROM best_efforts t ORDER BY id",
    "bests": "to_jsonb(t) FROM personal_bests t ORDER BY id",
    "streams": "to_jsonb(t) FROM activity_streams t ORDER BY activity_id",
    "levels": "to_jsonb(t) FROM activity_stream_levels t ORDER BY activity_id, points",
    "splits": "to_jsonb(t) FROM activity_splits t ORDER BY activity_id, unit, split_number",
    "rates": "to_jsonb(t) FROM activity_heart_rates t ORDER BY activity_id",
    "routes": "to_jsonb(t) FROM activity_routes t ORDER BY activity_id",
    "laps": "to_jsonb(t) FROM activity_laps t ORDER BY activity_id, lap_number",
}
OLDER_RULES = (
    (
        "UPDATE activities SET distance_m = 5, elapsed_time_s = 7, efforts_version = 1, "
        "average_heart_rate_bpm = NULL, timezone = 'UTC', description = 'the athlete''s', "
        "edited = '{description}'"
    ),
    "UPDATE best_efforts SET elapsed_s = elapsed_s + 50",
    "DELETE FROM best_efforts WHERE distance = 'M400'",
    "DELETE FROM activity_splits",
    "DELETE FROM activity_laps",
    "UPDATE activity_routes SET latitudes = '{1,2}', longitudes = '{1,2}', samples = '{0,1}'",
    "DELETE FROM activity_streams WHERE activity_id = (SELECT max(id) FROM activities)",
    "UPDATE originals SET rules_version = 0",
)


@pytest.fixture
def command(settings, monkeypatch, capsys):
    monkeypatch.setattr("cli.load_settings", lambda: settings)

    def run(*arguments: str) -> tuple[int, str]:
        with logs_restored():
            code = cli.main(["rederive", *arguments])
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def athlete_id(db, settings) -> int:
    """Somebody with three recordings that were imported, one of them with its list."""
    athlete_id = make.create_athlete(db, sex="MALE", birth_date="1990-01-01")
    database = SyncDatabase(settings, application_name="test")
    importer = FileImport(
        TransactionRunner(database), athlete_id, originals=Originals.from_settings(settings)
    )
    listed = ListedActivity(1, "Stadtlauf", "TrailRun", None, "Shoes", is_race=True)
    for name, data, told in (
        ("a.fit", fit_file(run_of(2400)), listed),
        ("b.gpx", gpx_file(run_of(900), start_s=1.78e9), None),
        ("c.gpx", gpx_file(run_of(1200), start_s=1.79e9), None),
    ):
        list(importer.take(name, io.BytesIO(data), told))
    importer.finish()
    database.close()
    return athlete_id


def everything(db) -> dict[str, list]:
    return {name: db.execute(text(f"SELECT {sql}")).scalars().all() for name, sql in TABLES.items()}


def without_ids(efforts: list[dict]) -> list[dict]:
    found = [{key: each[key] for key in each if key != "id"} for each in efforts]
    return sorted(found, key=lambda each: (each["activity_id"], each["distance_m"]))


def test_activities_are_derived_again_and_nothing_is_imported_twice(command, db, athlete_id):
    before = everything(db)
    for sql in (*OLDER_RULES, "DELETE FROM athlete_changes"):
        db.execute(text(sql))
    assert command("--athlete", encode_id("Athlete", athlete_id)) == (
        0, "read 3 originals again, 0 with problems\n",
    )  # fmt: skip
    after = everything(db)
    for each in before["activities"]:
        each |= {"description": "the athlete's", "edited": ["description"]}  # an edit stays
    kept = {each["id"] for each in before["efforts"] if each["distance"] != "M400"}
    assert kept < {each["id"] for each in after["efforts"]}
    assert without_ids(after.pop("efforts")) == without_ids(before.pop("efforts"))
    assert len(after.pop("bests")) == len(before.pop("bests"))
    assert after == before
    changed = "SELECT DISTINCT unnest(activity_ids) AS id FROM athlete_changes ORDER BY id"
    assert db.execute(text(changed)).scalars().all() == [each["id"] for each in after["activities"]]
    assert command() == (0, "read 0 originals again, 0 with problems\n")
    assert command("--again") == (0, "read 3 originals again, 0 with problems\n")


def test_what_cannot_be_read_is_told_stays_and_is_read_when_it_is_back(command, db, athlete_id):
    before = everything(db)
    db.execute(text("UPDATE originals SET rules_version = 0"))
    kept = db.execute(text("SELECT id, place, content FROM originals")).mappings().all()
    db.execute(text("UPDATE originals SET content = '\\x00' WHERE file_name = 'b.gpx'"))
    away = "UPDATE originals SET content = NULL, place = 'FOLDER' WHERE file_name = 'a.fit'"
    db.execute(text(away))
    code, told = command()
    assert code == 1
    assert "b.gpx: it is damaged" in told
    assert "a.fit: it is not where it was put (ORIGINALS_FOLDER" in told
    assert "read 3 originals again, 2 with problems" in told
    assert everything(db) == before
    versions = db.execute(text("SELECT rules_version FROM originals ORDER BY file_name"))
    assert versions.scalars().all() == [0, 0, RULES_VERSION]
    for row in kept:
        back = "UPDATE originals SET place = :place, content = :content WHERE id = :id"
        db.execute(text(back), dict(row))
    assert command() == (0, "read 2 originals again, 0 with problems\n")
    assert command() == (0, "read 0 originals again, 0 with problems\n")


def test_what_todays_rules_do_not_find_or_cannot_read_costs_its_file_alone(
    command, db, athlete_id, monkeypatch
):
    db.execute(text("UPDATE originals SET rules_version = 0"))
    db.execute(
        text(
            "UPDATE imported_files f SET place = 5 FROM originals o "
            "WHERE o.digest = f.digest AND o.file_name = 'a.fit'"
        )
    )
    read_opened = prepared_file.read_opened

    def killing(file, name):
        if name == "b.gpx":
            os.kill(os.getpid(), signal.SIGKILL)
        return read_opened(file, name)

    monkeypatch.setattr(prepared_file, "read_opened", killing)
    code, told = command()
    assert code == 1
    assert "a.fit: 1 of its activities are not in it by today's rules" in told
    assert "b.gpx: reading it ended the process that read it" in told
    assert "read 3 originals again, 2 with problems" in told
    versions = "SELECT rules_version FROM originals ORDER BY file_name"
    assert db.execute(text(versions)).scalars().all() == [RULES_VERSION, 0, RULES_VERSION]
