"""EXPORT: an archive of all of the athlete's rows, and of nobody else's."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from db.models import Base
from db.statements.athletes.exported_data import EXPORTED, LEFT_OUT, STREAMS
from db.stream_codec import decode
from jobs.orphan_files import FileSweep
from jobs.reconcile import Reconciler
from tests import factories as make
from tests.jobs.exports.gpx_check import GPX, check_gpx
from tests.originals import create_original

NAMES = [each.name for each in EXPORTED]


def create(world, name: str) -> make.Person:
    """Somebody with something in every table, and `name` in every text."""
    with world.database.write() as db:
        person = make.create_person(db, first_name=name, last_name=name)
        athlete_id = person.athlete_id
        connection = make.create_connection(
            db,
            athlete_id,
            access_token=f"{name} access".encode(),
            refresh_token=f"{name} refresh".encode(),
            strava_athlete_id=abs(hash(name)) % 2**40,
        )
        for number in range(3):
            activity = make.create_activity(
                db, athlete_id, name=f"{name} {number}", started_at=make.NOON + timedelta(number)
            )
            make.create_lap(db, activity)
            make.create_split(db, activity)
            make.create_route(db, activity, [(number, 0), (number, 500)])
            make.create_heart_rates(db, activity)
            make.create_streams(
                db, activity, make.samples(40, every_column=True, latitude=1.5 + number)
            )
            make.create_best_effort(db, activity, elapsed_s=1300.0 - number)
        make.recalculate_bests(db, athlete_id)
        make.create_gear(db, athlete_id, name=f"{name} shoes")
        make.create_zones(db, athlete_id, date(2020, 1, 1), [0, 120])
        job = make.create_job(db, athlete_id)
        make.create_job_problem(db, job, athlete_id)
        make.create_import_entry(db, job, athlete_id, activity)
        make.create_sync_problem(db, person, message=name)
        make.create_feedback(db, account_id=person.account_id, message=name)
        make.create_upload(db, athlete_id, file_name=name)
        make.create_deleted_activity(db, athlete_id)
        create_original(db, athlete_id, activity, f"the file of {name}".encode(), file_name=name)
        for sql, values in (
            ("INSERT INTO strava_events VALUES (%s, 'activity', 5)", (connection,)),
            ("INSERT INTO sync_budgets VALUES (%s, 5, now())", (athlete_id,)),
            (
                "INSERT INTO deleted_activities (id, athlete_id) VALUES (%s, %s)",
                (activity + 1, athlete_id),
            ),
            ("INSERT INTO kept_choices VALUES (%s, 5, true, false)", (athlete_id,)),
            ("INSERT INTO event_budgets VALUES (%s, 5, now())", (athlete_id,)),
            ("INSERT INTO former_connections VALUES (%s, %s)", (athlete_id, athlete_id)),
        ):
            db.exec_driver_sql(sql, values)
    return person


def export(world, athlete_id: int) -> dict:
    job = world.work(world.create(athlete_id, "EXPORT"))
    assert job["status"] == "SUCCEEDED", job
    return job


def exported(world, job: dict) -> dict[str, bytes]:
    row = world.one("SELECT id, size_bytes FROM exports WHERE job_id = :id", id=job["id"])
    data = path(world, row["id"]).read_bytes()
    assert len(data) == row["size_bytes"]
    with ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def path(world, export_id: int) -> Path:
    return Path(world.settings.pacegraph_home, "exports", str(export_id))


def files(world) -> list[int]:
    folder = Path(world.settings.pacegraph_home, "exports")
    return sorted(int(each.name) for each in folder.iterdir()) if folder.exists() else []


def lines(found: dict[str, bytes], table: str) -> list[dict]:
    return [json.loads(line) for line in found[f"tables/{table}.jsonl"].splitlines()]


def test_every_table_is_exported_or_left_out_for_a_reason():
    named = [*NAMES, STREAMS.name, *LEFT_OUT]
    assert sorted(named) == sorted(Base.metadata.tables)
    for table in (*EXPORTED, STREAMS):
        assert not {each.name for each in table.key} & table.secret
        assert table.secret <= set(table.model.__table__.c.keys())


def test_the_page_about_archives_names_the_tables():
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text()
    listed = page[page.index("\nTables: ") : page.index("\nNot in it: ")]
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted([*NAMES, STREAMS.name])


def test_an_archive_has_every_row_of_the_athlete_and_no_other(world):
    mine, other = create(world, "Rui"), create(world, "Somebody else")
    job = export(world, mine.athlete_id)
    found = exported(world, job)
    total = 0
    for table in (*EXPORTED, STREAMS):
        with world.database.read() as db:
            count = db.exec_driver_sql(f"SELECT count(*) FROM {table.name}").scalar_one()
        got = lines(found, table.name)
        shared = 1 if table.name == "jobs" else 0  # the export's own
        assert len(got) == (count - shared) // 2 + shared > 0, table.name
        total += len(got)
    recordings = [name for name in found if name.startswith("gpx/")]
    assert len(recordings) == 3
    assert (job["progress_done"], job["progress_total"]) == (total + 4, total + 4)
    [original] = [name for name in found if name.startswith("originals/")]
    assert original.endswith("_Rui")
    assert found[original] == b"the file of Rui"
    everything = b"".join(found.values())
    assert b"Rui" in everything
    for secret in (b"Somebody else", str(other.athlete_id).encode(), b"Rui access", b"Rui refresh"):
        assert secret not in everything
    assert all(
        secret.hex().encode() not in everything for secret in (b"Rui access", b"Rui refresh")
    )
    assert mine.token.encode() not in everything


def test_lines_say_what_the_rows_do(world):
    person = create(world, "Rui")
    found = exported(world, export(world, person.athlete_id))
    [athlete] = lines(found, "athletes")
    assert (athlete["id"], athlete["first_name"]) == (str(person.athlete_id), "Rui")
    rows = world.rows("SELECT * FROM activities ORDER BY id")
    for got, row in zip(lines(found, "activities"), rows, strict=True):
        assert got["id"] == str(row["id"])
        assert got["distance_m"] == row["distance_m"]
        assert datetime.fromisoformat(got["started_at"]) == row["started_at"]
        assert got["started_at"].endswith("Z")
        assert datetime.fromisoformat(got["started_at_local"]) == row["started_at_local"]
    [zone, _] = lines(found, "heart_rate_zones")
    assert (zone["valid_from"], zone["lowest_bpm"]) == ("2020-01-01", 0)
    [digest] = [each["digest"] for each in lines(found, "imported_files")]
    assert bytes.fromhex(digest) == world.value("SELECT digest FROM imported_files")
    by_activity = {each["activity_id"]: each for each in lines(found, "activity_streams")}
    for row in world.rows("SELECT * FROM activity_streams"):
        got, samples = (
            by_activity[str(row["activity_id"])],
            decode(row["samples"], row["positions"]),
        )
        assert {"activity_id": str(row["activity_id"]), "sample_count": 40} == {
            name: got.pop(name) for name in ("activity_id", "sample_count")
        }
        assert got == {name: list(column) for name, column in samples.columns().items()}


def test_the_schema_describes_every_line(world):
    person = create(world, "Rui")
    found = exported(world, export(world, person.athlete_id))
    told = json.loads(found["schema.json"])
    assert (told["format"], told["version"]) == ("pacegraph-export", 1)
    assert {each["file"] for each in told["tables"].values()} == {
        name for name in found if name.startswith("tables/")
    }
    for name, table in told["tables"].items():
        assert table["description"]
        properties = table["line"]["properties"]
        for line in lines(found, name):
            assert set(table["line"]["required"]) <= set(line) <= set(properties)
            for column, value in line.items():
                assert fits(value, properties[column]), (name, column, value)


def fits(value, schema: dict) -> bool:
    kinds = schema.get("type")
    if kinds is None:
        return True
    found = {
        str: "string", bool: "boolean", int: "integer", float: "number", list: "array", type(None): "null",
    }[type(value)]  # fmt: skip
    allowed = {kinds} if isinstance(kinds, str) else set(kinds)
    if found == "array":
        return all(fits(each, schema["items"]) for each in value)
    return found in allowed or (found == "integer" and "number" in allowed)


def test_each_recording_with_positions_is_gpx(world):
    person = create(world, "Rui & co")
    with world.database.write() as db:
        indoors = make.create_activity(db, person.athlete_id)
        make.create_streams(db, indoors, make.samples(30))
    found = exported(world, export(world, person.athlete_id))
    rows = world.rows("SELECT * FROM activities WHERE id <> :id ORDER BY started_at", id=indoors)
    names = [f"gpx/{row['started_at']:%Y-%m-%dT%H-%M-%SZ}_{row['id']}.gpx" for row in rows]
    assert sorted(names) == [name for name in sorted(found) if name.startswith("gpx/")]
    for name, row in zip(names, rows, strict=True):
        [points] = check_gpx(found[name])
        assert len(points) == 40
        first = datetime.fromisoformat(points[0].findtext(f"{GPX}time"))
        assert first == row["started_at"]
        assert f"<name>{row['name'].replace('&', '&amp;')}</name>".encode() in found[name]


def test_samples_that_are_damaged_are_told_of(world):
    person = create(world, "Rui")
    first = world.value("SELECT min(activity_id) FROM activity_streams")
    world.write("UPDATE activity_streams SET samples = 'x' WHERE activity_id = :id", id=first)
    world.write("UPDATE originals SET place = 'FOLDER', content = NULL")  # without a file there
    found = exported(world, export(world, person.athlete_id))
    assert b"_Rui: it is not where" in found["problems.txt"]
    assert not [name for name in found if name.startswith("originals/")]
    assert f"samples of activity {first}: unknown version".encode() in found["problems.txt"]
    assert len(lines(found, "activity_streams")) == 2
    assert len([name for name in found if name.startswith("gpx/")]) == 2


def test_many_rows_come_in_pages(world, monkeypatch):
    monkeypatch.setattr("jobs.exports.archive._ROWS_AT_ONCE", 2)
    monkeypatch.setattr("jobs.exports.archive._STREAMS_AT_ONCE", 2)
    person = create(world, "Rui")
    found = exported(world, export(world, person.athlete_id))
    for table in ("activities", "activity_streams", "activity_splits", "heart_rate_zones"):
        with world.database.read() as db:
            count = db.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        assert len({json.dumps(each) for each in lines(found, table)}) == count


def test_the_newest_archive_takes_the_place_of_older_ones(world):
    person = create(world, "Rui")
    first = export(world, person.athlete_id)
    older = world.value("SELECT id FROM exports")
    second = export(world, person.athlete_id)
    [row] = world.rows("SELECT * FROM exports")
    assert (row["job_id"], files(world)) == (second["id"], [row["id"]])
    assert row["id"] != older
    assert first["id"] != second["id"]
    assert row["expires_at"] - row["ready_at"] == timedelta(days=1)
    assert path(world, row["id"]).stat().st_mode & 0o777 == 0o600


def test_a_killed_attempt_begins_anew_and_leaves_nothing(world):
    person = create(world, "Rui")
    job_id = world.create(person.athlete_id, "EXPORT")
    world.write(
        "INSERT INTO exports (id, athlete_id, job_id, token, server_url, size_bytes) "
        "VALUES (4711, :athlete, :job, 't', 'http://x', 5)",
        athlete=person.athlete_id,
        job=job_id,
    )
    path(world, 4711).parent.mkdir(exist_ok=True)
    path(world, 4711).write_bytes(b"the half of an archive" * 100_000)
    job = world.work(job_id)
    assert job["status"] == "SUCCEEDED"
    assert "README.txt" in exported(world, job)
    assert files(world) == [4711]


def test_what_is_downloaded_already_is_not_made_again(world):
    """The attempt died after its archive was whole."""
    person = create(world, "Rui")
    first = export(world, person.athlete_id)
    before = world.one("SELECT id, token, size_bytes, ready_at FROM exports")
    made = path(world, before["id"]).stat()
    with path(world, before["id"]).open("rb") as downloaded:
        world.write("UPDATE jobs SET status = 'QUEUED', finished_at = NULL")
        assert world.work(first["id"])["status"] == "SUCCEEDED"
        assert len(downloaded.read()) == before["size_bytes"]
    assert world.one("SELECT id, token, size_bytes, ready_at FROM exports") == before
    assert path(world, before["id"]).stat().st_mtime_ns == made.st_mtime_ns
    world.write("UPDATE exports SET expires_at = now()")
    world.write("UPDATE jobs SET status = 'QUEUED', finished_at = NULL")
    world.work(first["id"])  # its time is over: another one is made
    after = world.one("SELECT id, token, size_bytes, ready_at FROM exports")
    assert after["ready_at"] > before["ready_at"]
    assert "README.txt" in exported(world, first)


def test_a_cancelled_one_leaves_nothing(world):
    person = create(world, "Rui")
    job_id = world.create(person.athlete_id, "EXPORT")
    world.write("UPDATE jobs SET cancel_requested = true WHERE id = :id", id=job_id)
    assert world.work(job_id)["status"] == "CANCELLED"
    sweep(world)
    assert (world.rows("SELECT id FROM exports"), files(world)) == ([], [])


def sweep(world) -> None:
    Reconciler(world.settings, world.database, world.redis).run_once()
    FileSweep(world.settings, world.database).run()


def test_without_room_it_waits_and_goes_on(world):
    person = create(world, "Rui")
    settings = world.settings
    world.settings = settings.model_copy(update={"exports_max_bytes": 2000})
    job_id = world.create(person.athlete_id, "EXPORT")
    job = world.work(job_id)
    assert (job["status"], job["failures"], files(world)) == ("WAITING", 0, [])
    assert "as much room" in job["progress_message"]
    assert timedelta(minutes=9) < job["waiting_until"] - datetime.now(UTC) < timedelta(minutes=11)
    world.settings = settings
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL WHERE id = :id", id=job_id)
    assert "README.txt" in exported(world, world.work(job_id))


def test_what_expired_or_was_given_up_goes(world):
    person = create(world, "Rui")
    export(world, person.athlete_id)
    failed = world.create(person.athlete_id, "EXPORT")
    world.write(
        "INSERT INTO exports (id, athlete_id, job_id, token, server_url) VALUES (5, :a, :j, 't', '')",
        a=person.athlete_id,
        j=failed,
    )
    path(world, 5).write_bytes(b"half")
    path(world, 6).write_bytes(b"a stray")
    sweep(world)
    assert 5 in files(world)  # it is queued
    assert 6 not in files(world)
    world.write(
        "UPDATE jobs SET status = 'CANCELLED', finished_at = now() WHERE id = :id", id=failed
    )
    world.write("UPDATE exports SET expires_at = now() - interval '1 s' WHERE ready_at IS NOT NULL")
    sweep(world)
    assert (world.rows("SELECT id FROM exports"), files(world)) == ([], [])
