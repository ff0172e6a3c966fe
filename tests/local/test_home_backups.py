"""Backups of a home whose server does not run, restored into another home."""

import os
from pathlib import Path

import psycopg
import pytest

import cli
from local.home import Home
from local.postgres import start_postgres
from operator_commands.migrations import upgrade
from settings import Settings, load_settings
from tests.conftest import SECRETS
from tests.logs.log_state import logs_restored

pytestmark = pytest.mark.whole

FLAGS = '{"flags": {}, "log": []}'


@pytest.fixture(autouse=True)
def _umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def settings_of(home: Path) -> Settings:
    return load_settings(None, pacegraph_home=home, **SECRETS)


def test_a_stopped_home_comes_back_in_another(tmp_path, monkeypatch, capsys):
    first, second, to = tmp_path / "first", tmp_path / "second", tmp_path / "backup"
    service = start_postgres(first)
    upgrade(load_settings(None, database_url=service.url, **SECRETS))
    with psycopg.connect(service.url) as connection:
        connection.execute("INSERT INTO athletes (first_name, last_name) VALUES ('Rui', '')")
    service.stop()
    (first / "flags.json").write_text(FLAGS)

    def run(home: Path, *arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("cli.load_settings", lambda: settings_of(home))
        with logs_restored():
            code = cli.main([str(each) for each in arguments])
        output = capsys.readouterr()
        return code, output.out + output.err

    absent = tmp_path / "absent"
    code, told = run(absent, "backup", to)
    assert (code, f"PACEGRAPH_HOME: {absent} has no database" in told) == (1, True), told
    code, told = run(absent, "restore", tmp_path)
    assert (code, "this is no whole backup" in told) == (1, True), told
    assert not absent.exists()
    code, told = run(first, "backup", to)
    assert code == 0, told
    assert not any("key" in each.name for each in to.rglob("*"))
    with Home(second).claimed():
        code, told = run(second, "restore", to)
        assert (code, "is used by `pacegraph run`" in told) == (1, True), told
    code, told = run(second, "restore", to)
    assert code == 0, told
    assert (second / "flags.json").read_text() == FLAGS
    assert (second / "flags.json").stat().st_mode & 0o777 == 0o600
    service = start_postgres(second)
    with psycopg.connect(service.url) as connection:
        assert connection.execute("SELECT first_name FROM athletes").fetchall() == [("Rui",)]
    service.stop()
    code, told = run(second, "restore", to)
    assert (code, "the database is not empty" in told) == (1, True), told
