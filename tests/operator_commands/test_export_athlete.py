"""`pacegraph export`: the archive as a file, whole or not at all."""

import json
from zipfile import ZipFile

import pytest

import cli
from graph.global_id import encode_id
from tests import factories as make
from tests.logs.log_state import logs_restored


@pytest.fixture
def command(settings, monkeypatch, capsys):
    monkeypatch.setattr("cli.load_settings", lambda: settings)

    def run(*arguments: str) -> tuple[int, str, str]:
        with logs_restored():
            code = cli.main(["export", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_an_athletes_archive_is_written_for_its_owner_only(command, db, tmp_path):
    athlete_id = make.create_athlete(db, first_name="Rui")
    make.create_athlete(db, first_name="Other")
    to = tmp_path / "rui.zip"
    to.write_bytes(b"an older one")
    code, told, _ = command(str(to), "--athlete", encode_id("Athlete", athlete_id))
    assert (code, told) == (0, f"{to}: {to.stat().st_size} bytes\n")
    assert to.stat().st_mode & 0o777 == 0o600
    with ZipFile(to) as archive:
        [athlete] = archive.read("tables/athletes.jsonl").splitlines()
    assert json.loads(athlete)["first_name"] == "Rui"
    assert [each.name for each in tmp_path.iterdir()] == ["rui.zip"]


def test_what_fails_leaves_what_was_there(command, db, tmp_path):
    to = tmp_path / "rui.zip"
    to.write_bytes(b"an older one")
    code, _, told = command(str(to), "--athlete", "4711")
    assert (code, "there is no athlete 4711" in told) == (1, True)
    assert to.read_bytes() == b"an older one"
    assert [each.name for each in tmp_path.iterdir()] == ["rui.zip"]
    code, _, told = command(str(tmp_path / "absent" / "a.zip"), "--athlete", "4711")
    assert (code, "cannot be written" in told) == (1, True)
    code, _, told = command(str(to), "--athlete", "nobody")
    assert (code, "--athlete" in told) == (2, True)
