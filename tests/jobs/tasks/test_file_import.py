"""IMPORT: a job reads uploads, reports on each file, and goes on where it was killed."""

import gzip
import io
import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import active_children
from pathlib import Path
from threading import Event, Thread
from time import sleep
from zipfile import ZipFile

import pytest
from sqlalchemy import insert

from db.models import Upload
from db.statements.activities import deleted_activity
from db.statements.files import upload as uploads
from jobs.imports import prepared_file
from jobs.imports.reading_processes import ReadingProcesses
from jobs.orphan_files import FileSweep
from jobs.tasks import file_import
from tests.recordings.run import fit_file, gpx_file, run_of, tcx_file

REPORT = "SELECT path, outcome, message, activity_id FROM import_entries WHERE job_id = :job ORDER BY position"


def upload(world, athlete_id: int, data: bytes, name: str = "export.zip") -> int:
    values = {
        "athlete_id": athlete_id,
        "file_name": name,
        "size_bytes": len(data),
        "received_bytes": len(data),
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
    }
    with world.database.write() as connection:
        upload_id = connection.execute(
            insert(Upload).values(values).returning(Upload.id)
        ).scalar_one()
    folder = Path(world.settings.pacegraph_home, "uploads")
    folder.mkdir(exist_ok=True)
    (folder / str(upload_id)).write_bytes(data)
    return upload_id


def import_job(world, athlete_id: int, *ids: int) -> int:
    job_id = world.create(athlete_id, "IMPORT", uploads=list(ids), visibility="ONLY_ME")
    with world.database.write() as connection:
        connection.execute(uploads.give_to_job(), {"uploads": list(ids), "job_id": job_id})
    return job_id


def archive_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def runs(count: int, seconds: int = 300) -> dict[str, bytes]:
    return {
        f"activities/{number}.{'gpx' if number % 2 else 'fit.gz'}": gpx_file(
            run_of(seconds), start_s=1.7e9 + 86_400 * number
        )
        if number % 2
        else gzip.compress(fit_file(run_of(seconds), start_s=1.7e9 + 86_400 * number))
        for number in range(count)
    }


@pytest.fixture
def athlete_id(world) -> int:
    return world.athlete()


def test_uploads_become_activities_with_a_report_and_are_deleted(world, athlete_id):
    files = {
        **runs(2),
        "notes.txt": b"nothing",
        "broken.fit": b"nothing",
        "../out.gpx": gpx_file(run_of(60)),
        "again.gpx": runs(2)["activities/1.gpx"],
    }
    first = upload(world, athlete_id, archive_of(files))
    second = upload(world, athlete_id, tcx_file(run_of(400), start_s=1.6e9), "one.tcx")
    job_id = import_job(world, athlete_id, first, second)
    job = world.work(job_id)
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 3)
    assert (job["progress_done"], job["progress_total"]) == (7, 7)
    assert job["personal_bests_changed"] > 3
    lines = world.rows(REPORT, job=job_id)
    assert [(each["path"], each["outcome"], each["activity_id"] is not None) for each in lines] == [
        ("export.zip/activities/0.fit.gz", "IMPORTED", True),
        ("export.zip/activities/1.gpx", "IMPORTED", True),
        ("export.zip/notes.txt", "SKIPPED", False),
        ("export.zip/broken.fit", "FAILED", False),
        ("export.zip/../out.gpx", "SKIPPED", False),
        ("export.zip/again.gpx", "SAME_AS", True),
        ("one.tcx", "IMPORTED", True),
    ]
    assert lines[5]["activity_id"] == lines[1]["activity_id"]
    assert "leaves the archive" in lines[4]["message"]
    assert world.rows("SELECT * FROM uploads") == []
    assert list(Path(world.settings.pacegraph_home, "uploads").iterdir()) == []


def test_a_restored_activity_is_read_from_its_original(world, athlete_id):
    both = fit_file(run_of(300)) + fit_file(run_of(200), start_s=1.7e9)
    world.work(import_job(world, athlete_id, upload(world, athlete_id, both, "both.fit")))
    _, first = (
        row["id"]
        for row in world.rows("SELECT activity_id AS id FROM imported_files ORDER BY place DESC")
    )
    with world.database.write() as connection:
        for statement in deleted_activity.delete_activity():
            connection.execute(statement, {"activity": first})
        gone = {"activity": first}
        number = connection.execute(deleted_activity.kept_original(), gone).scalar_one()
        connection.execute(deleted_activity.restore(), gone)
    job_id = world.create(athlete_id, "IMPORT", uploads=[], original=number, visibility="ONLY_ME")
    job = world.work(job_id)
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 1)
    lines = world.rows(REPORT, job=job_id)
    assert [(each["path"], each["outcome"]) for each in lines] == [
        ("both.fit", "IMPORTED"), ("both.fit", "SAME_AS"),
    ]  # fmt: skip
    assert world.value("SELECT count(*) FROM activities") == 2
    assert world.value("SELECT count(*) FROM originals") == 1


def test_importing_again_changes_nothing(world, athlete_id):
    data = archive_of(runs(3))
    world.work(import_job(world, athlete_id, upload(world, athlete_id, data)))
    before = world.rows("SELECT * FROM activities ORDER BY id"), world.derived()
    job_id = import_job(world, athlete_id, upload(world, athlete_id, data))
    job = world.work(job_id)
    assert (job["status"], job["activities_created"], job["personal_bests_changed"]) == (
        "SUCCEEDED", 0, 0,
    )  # fmt: skip
    assert {each["outcome"] for each in world.rows(REPORT, job=job_id)} == {"SAME_AS"}
    assert (world.rows("SELECT * FROM activities ORDER BY id"), world.derived()) == before


def test_a_cancelled_import_stops_and_a_retry_goes_on(world, athlete_id):
    files = archive_of(runs(45, seconds=60))
    job_id = import_job(world, athlete_id, upload(world, athlete_id, files))
    world.write(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE jobs SET cancel_requested = true WHERE progress_done > 0; RETURN NULL; END $$"
    )
    world.write("CREATE TRIGGER stop AFTER INSERT ON activities EXECUTE FUNCTION stop()")
    job = world.work(job_id)
    assert job["status"] == "CANCELLED"
    assert 1 < job["activities_created"] == job["progress_done"] < 45
    world.write("DROP TRIGGER stop ON activities")
    world.write(
        "UPDATE jobs SET status = 'QUEUED', finished_at = NULL, cancel_requested = false, "
        "error_code = NULL, error_message = NULL, error_retryable = NULL"
    )
    job = world.work(job_id)
    assert (job["status"], job["activities_created"], job["progress_done"]) == ("SUCCEEDED", 45, 45)
    assert [each["outcome"] for each in world.rows(REPORT, job=job_id)] == ["IMPORTED"] * 45


@contextmanager
def killing_readers(most: int):
    """Kill the processes that this one forks, as soon as they are there."""
    ended, killed = Event(), []

    def kill():
        while not ended.is_set() and len(killed) < most:
            for child in active_children():
                if child.name == "file reader" and child.pid not in killed:
                    killed.append(child.pid)
                    child.kill()
            sleep(0.001)

    thread = Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(("kills", "outcome"), [(2, "IMPORTED"), (3, "FAILED")])
def test_a_file_whose_reading_ends_its_process_is_left_out_at_last(
    world, athlete_id, kills, outcome
):
    data = gpx_file(run_of(3600))
    job_id = import_job(world, athlete_id, upload(world, athlete_id, data, "a.gpx"))
    with killing_readers(kills) as killed:
        job = world.work(job_id)
    assert (job["status"], len(killed)) == ("SUCCEEDED", kills)
    [line] = world.rows(REPORT, job=job_id)
    assert line["outcome"] == outcome
    assert ("ended the process" in line["message"]) == (outcome == "FAILED")


def test_files_that_end_their_readers_in_turn_are_left_out_at_last(world, athlete_id, monkeypatch):
    rounds, read_opened = [], prepared_file.read_opened

    class CountedReading(ReadingProcesses):
        def __init__(self, *arguments) -> None:
            rounds.append(len(rounds))
            super().__init__(*arguments)

    def read(file, name):
        if len(rounds) <= 20 and not name.endswith("c.gpx"):
            if len(rounds) % 2 != name.endswith("b.gpx"):
                sleep(5)  # the other one is faster
            os.kill(os.getpid(), signal.SIGKILL)
        return read_opened(file, name)

    monkeypatch.setattr(file_import, "ReadingProcesses", CountedReading)
    monkeypatch.setattr(prepared_file, "read_opened", read)
    files = {f"{name}.gpx": gpx_file(run_of(60 + i)) for i, name in enumerate("abc")}
    job_id = import_job(world, athlete_id, upload(world, athlete_id, archive_of(files)))
    assert world.work(job_id)["status"] == "SUCCEEDED"
    outcomes = [each["outcome"] for each in world.rows(REPORT, job=job_id)]
    assert outcomes == ["FAILED", "FAILED", "IMPORTED"]


def test_a_file_that_is_gone_is_told(world, athlete_id):
    lost = upload(world, athlete_id, b"x")
    Path(world.settings.pacegraph_home, "uploads", str(lost)).unlink()
    job_id = import_job(world, athlete_id, lost, upload(world, athlete_id, archive_of(runs(1))))
    assert world.work(job_id)["status"] == "SUCCEEDED"
    gone, there = world.rows(REPORT, job=job_id)
    assert (gone["outcome"], there["outcome"]) == ("FAILED", "IMPORTED")
    assert "UPLOADS_FOLDER" in gone["message"]


def test_files_without_an_upload_are_swept(world, athlete_id):
    kept = upload(world, athlete_id, b"x")
    old = upload(world, athlete_id, b"x")
    read = upload(world, athlete_id, b"x")
    import_job(world, athlete_id, read)
    world.write("UPDATE uploads SET expires_at = now() WHERE id <> :id", id=kept)
    with world.database.write() as connection:
        connection.execute(uploads.remove_expired(), {"most": 10})
    FileSweep(world.settings, world.database).run()
    folder = Path(world.settings.pacegraph_home, "uploads")
    assert {each.name for each in folder.iterdir()} == {str(kept), str(read)}
    assert not (folder / str(old)).exists()
