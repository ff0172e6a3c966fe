"""The command line: usage, exit codes, and what works without any setting."""

import pytest
from cryptography.fernet import Fernet

import cli
from tests.logs.log_state import logs_restored


@pytest.fixture(autouse=True)
def _logs():
    with logs_restored():
        yield


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run", "--fast"], ["schema", "--check", "--write"]]
)
def test_wrong_usage_is_exit_code_2_and_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pacegraph")


def test_a_key_is_printed_even_where_a_setting_is_wrong(monkeypatch, capsys):
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", "nonsense")
    assert cli.main(["key"]) == 0
    Fernet(capsys.readouterr().out.strip())


def test_a_wrong_setting_is_one_line_and_exit_code_2(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "x")
    assert cli.main(["doctor"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pacegraph: PORT: ")
    assert error.count("\n") == 1


def test_an_unknown_revision_is_said_plainly(monkeypatch, capsys, tmp_path, postgres_url):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    assert cli.main(["migrate", "--to", "no-such-revision"]) == 1
    assert "no-such-revision" in capsys.readouterr().err


def test_a_database_out_of_reach_is_said_plainly(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert cli.main(["migrate"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("pacegraph: ")
    assert "Traceback" not in error
