"""`pacegraph import`: its report, its summary, its exit code."""

import os
import signal
from zipfile import ZipFile

import pytest
from sqlalchemy import text

import cli
from graph.global_id import encode_id
from jobs.imports import prepared_file
from tests import factories as make
from tests.logs.log_state import logs_restored
from tests.recordings.run import fit_file, gpx_file, run_of


@pytest.fixture
def command(settings, monkeypatch, capsys):
    monkeypatch.setattr("cli.load_settings", lambda: settings)

    def run(*arguments: str) -> tuple[int, str, str]:
        with logs_restored():
            code = cli.main(["import", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_an_archive_is_imported_with_a_report(command, db, tmp_path):
    athlete = encode_id("Athlete", make.create_athlete(db))
    with ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("runs/a.fit", fit_file(run_of(900)))
        archive.writestr("runs/b.gpx", gpx_file(run_of(300), start_s=1.7e9))
        archive.writestr("activities.csv", "id,name")
    path = str(tmp_path / "export.zip")
    code, told, _ = command(path, "--athlete", athlete, "--dry-run")
    assert (code, told.splitlines()[-1]) == (
        0,
        "2 imported, 0 same as, 0 updated, 1 skipped, 0 failed (nothing is written: --dry-run)",
    )
    code, told, _ = command(path, "--athlete", athlete)
    first, second, third, summary = told.splitlines()
    [(a,)] = db.execute(text("SELECT id FROM activities WHERE name = 'a.fit'")).all()
    assert first.startswith("imported  export.zip/runs/a.fit: 2026-05-17 06:30 UTC, Run, 3.")
    assert first.endswith(f"({encode_id('Activity', a)})")
    assert second.startswith("imported  export.zip/runs/b.gpx")
    assert third.startswith("skipped   export.zip/activities.csv: by its name")
    assert (code, summary) == (0, "2 imported, 0 same as, 0 updated, 1 skipped, 0 failed")
    code, told, _ = command(path, "--athlete", athlete)
    assert (code, told.splitlines()[-1]) == (
        0,
        "0 imported, 2 same as, 0 updated, 1 skipped, 0 failed",
    )


def test_what_fails_is_told_and_is_the_exit_code(command, db, tmp_path):
    athlete_id = make.create_athlete(db)
    (tmp_path / "a.fit").write_bytes(b"nothing")
    code, told, _ = command(
        str(tmp_path / "a.fit"), str(tmp_path / "absent"), "--athlete", str(athlete_id)
    )
    assert code == 1
    assert "a.fit: its format is not known." in told
    assert "absent: it cannot be read (No such file or directory)." in told
    assert told.endswith("0 imported, 0 same as, 0 updated, 0 skipped, 2 failed\n")


def test_a_terminal_has_a_bar_below_the_lines(command, db, tmp_path, monkeypatch):
    athlete_id = make.create_athlete(db)
    for name in ("a.fit", "b.fit"):
        (tmp_path / name).write_bytes(b"nothing")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, told, shown = command(str(tmp_path), "--athlete", str(athlete_id))
    assert len(told.splitlines()) == 3
    bars = [each for each in shown.split("\r\033[K") if each]
    assert bars == [f"[{'#' * 15}{'.' * 15}] 1 of 2", f"[{'#' * 30}] 2 of 2"]


@pytest.mark.parametrize(
    ("athlete", "code", "says"),
    [
        ("nobody", 2, "--athlete: "),
        (encode_id("Activity", 1), 2, "--athlete: "),
        ("4711", 1, "--athlete: there is no athlete 4711"),
    ],
)
def test_a_wrong_athlete_is_told(command, tmp_path, athlete, code, says):
    found, _, errors = command(str(tmp_path), "--athlete", athlete)
    assert (found, says in errors) == (code, True), errors


def test_a_file_that_ends_its_reader_stops_no_other(command, db, tmp_path, monkeypatch):
    athlete_id = make.create_athlete(db)
    for name, start_s in (("a.gpx", 1.7e9), ("b.gpx", 1.71e9), ("c.gpx", 1.72e9)):
        (tmp_path / name).write_bytes(gpx_file(run_of(60), start_s=start_s))
    read_opened = prepared_file.read_opened

    def deadly(file, name):
        if name == "b.gpx":
            os.kill(os.getpid(), signal.SIGKILL)
        return read_opened(file, name)

    monkeypatch.setattr(prepared_file, "read_opened", deadly)
    code, told, _ = command(str(tmp_path), "--athlete", str(athlete_id))
    lines = told.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["imported", "a.gpx:"], ["failed", "b.gpx:"], ["imported", "c.gpx:"],
    ]  # fmt: skip
    assert "reading it ended the process that read it, 3 times" in lines[1]
    assert (code, lines[3]) == (1, "2 imported, 0 same as, 0 updated, 0 skipped, 1 failed")
