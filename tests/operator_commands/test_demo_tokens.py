"""Tokens of the demo are found and ended where a real Strava application is set."""

import pytest

import cli
from local.strava_application import keep_apart
from operator_commands.demo_tokens import is_strava_real
from operator_commands.doctor import diagnose
from settings import Settings
from tests import factories as make
from tests.logs.log_state import logs_restored

REAL = {
    "strava_client_id": "12345",
    "strava_api_url": "https://www.api-v3.strava.com",
    "pacegraph_home": None,
}


@pytest.fixture
def real(settings, tmp_path) -> Settings:
    return settings.model_copy(update=REAL | {"pacegraph_home": tmp_path})


@pytest.fixture
def demo(db) -> None:
    """What `pacegraph run` makes without a real application, and a token made with one of it."""
    admin = make.create_account(db, athlete_id=None, is_admin=True)
    make.create_token(db, admin, name="demo admin", scopes=["admin", "read"])
    made_with = db.exec_driver_sql("SELECT id FROM api_tokens").scalar_one()
    make.create_token(db, admin, name="made with it", made_with_id=made_with)
    athlete = make.create_account(db, athlete_id=make.create_athlete(db))
    make.create_token(db, athlete, name="demo athlete")
    make.create_token(db, athlete, name="watch")


def working(db) -> list[str]:
    rows = db.exec_driver_sql("SELECT name FROM api_tokens WHERE revoked_at IS NULL ORDER BY name")
    return list(rows.scalars())


def said_of_strava(settings, capsys) -> str:
    diagnose(settings)
    [line] = [line for line in capsys.readouterr().out.splitlines() if " Strava: " in line]
    return line


@pytest.mark.usefixtures("demo")
def test_doctor_tells_of_them_where_strava_is_real(real, capsys):
    assert said_of_strava(real, capsys).startswith(
        "PROBLEM  Strava: a real application is set, but 2 API tokens of the demo still work"
    )


@pytest.mark.usefixtures("demo")
def test_doctor_says_nothing_in_the_demo(real, capsys):
    simulated = real.model_copy(update={"strava_api_url": "http://127.0.0.1:4711/api/v3"})
    assert not is_strava_real(simulated)
    assert said_of_strava(simulated, capsys).startswith("OK ")


def test_athletes_may_choose_the_same_names(db, real, capsys):
    athlete = make.create_account(db, athlete_id=make.create_athlete(db))
    for name in ("demo admin", "demo athlete"):
        make.create_token(db, athlete, name=name)
    assert said_of_strava(real, capsys).startswith("OK ")


@pytest.mark.usefixtures("demo")
def test_they_end_by_command(db, real, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", real.database_url.get_secret_value())
    monkeypatch.setenv("PACEGRAPH_HOME", str(real.pacegraph_home))
    with logs_restored():
        assert cli.main(["end-demo"]) == 1  # nobody can be asked
        assert len(working(db)) == 4
        assert cli.main(["end-demo", "--yes"]) == 0
    assert working(db) == ["watch"]
    assert "ended 3 API tokens of the demo" in capsys.readouterr().out
    assert said_of_strava(real, capsys).startswith("OK ")


@pytest.mark.usefixtures("demo")
def test_they_end_in_the_home_of_a_real_application(db, real, tmp_path, capsys):
    """Its database was restored from a demo's home."""
    (tmp_path / "strava_application").write_text("12345")
    keep_apart(real, tmp_path, is_simulated=False)
    assert working(db) == ["watch"]
    assert "3 API tokens of the demo ended" in capsys.readouterr().err
