"""The old names: what they give, and how each use of them is told."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from redis import Redis

import cli
from legacy.old_names import OLD_MODULES
from legacy.uses import LegacyUses, read_uses
from settings import child_environment, load_settings
from tests.legacy.running_app import ROOT, warned
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def run(tmp_path):
    """Runs Python code as a file `old.py` of an application; gives what is printed, or what it
    fails with.
    """

    def run(code: str, *options: str, fails: bool = False, **environment: str) -> str:
        (tmp_path / "old.py").write_text(dedent(code))
        path = os.pathsep.join([str(ROOT), str(ROOT / "legacy" / "imports")])
        given = child_environment(PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1", **environment)
        ended = subprocess.run(
            [sys.executable, *options, "old.py"],
            cwd=tmp_path,
            env=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert bool(ended.returncode) == fails, ended.stderr
        return ended.stderr if fails else ended.stdout + ended.stderr

    return run


ALL = [(module, name) for module, names in OLD_MODULES.items() for name in names]


def test_each_name_can_be_imported_and_is_told_with_its_place(run):
    code = "\n".join(f"from {module} import {name}" for module, name in ALL)
    said = run(code, "-W", "default", DATABASE_URL=NOWHERE)
    assert warned(said) == {
        (f"{module}.{name}", f"old.py:{line}") for line, (module, name) in enumerate(ALL, 1)
    }


def test_what_is_to_be_written_instead_can_be_written(run):
    """The replacement that a warning names is Python, and gives the same thing for what is not made
    anew.
    """
    lines = [OLD_MODULES[module][name].instead(name) for module, name in ALL]
    code = "\n".join(line for line in lines if line.startswith("from "))
    assert (
        run(
            code,
            "-W",
            "error",
            DATABASE_URL=NOWHERE,
            REDIS_URL="redis://127.0.0.1:1",
            LOG_FORMAT="text",
        )
        == ""
    )


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("import database\nx = 1\ndatabase.Base", [("database", 1), ("database.Base", 3)]),
        ("from database import get_db\nimport database\ndatabase.Base", [("database.get_db", 1), ("database.Base", 3)]),
        ("import database as d, core.config as c\nd.Base", [("database", 1), ("core.config", 1), ("database.Base", 2)]),
        ("from core import database, cache\ndatabase", [("core.database", 1), ("core.cache", 1)]),
        ("def f():\n    from database import Base\n\nf()", [("database.Base", 2)]),
        ("from database import (\n    Base,\n    get_db as g,\n)", [("database.Base", 1), ("database.get_db", 1)]),
        ("import importlib\nimportlib.import_module('database').Base", [("database", 2), ("database.Base", 2)]),
        ("; ".join(f"v{n} = {n}.5" for n in range(300)) + "\nfrom database import Base", [("database.Base", 2)]),
    ],
)  # fmt: skip
def test_each_way_to_import_is_told(run, code, uses):
    assert warned(run(code, "-W", "default")) == {(name, f"old.py:{line}") for name, line in uses}


def test_every_file_that_imports_a_name_is_told(run, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.py").write_text("\nfrom database import Base\n")
    said = run("from database import Base\nimport sub.other", "-W", "default")
    assert warned(said) == {("database.Base", "old.py:1"), ("database.Base", "sub/other.py:2")}


def test_a_star_gives_all_names(run):
    said = run(
        "from database import *\nprint(SessionLocal, get_db, Base, engine)",
        "-W",
        "default",
        DATABASE_URL=NOWHERE,
    )
    assert {name for name, _ in warned(said)} == {
        f"database.{name}" for name in OLD_MODULES["database"]
    }


def test_warnings_as_errors_stop_the_import(run):
    said = run("x = 1\nfrom database import get_db", "-W", "error::DeprecationWarning", fails=True)
    assert "DeprecationWarning: database.get_db, used in old.py:2, is deprecated." in said


def test_the_warning_tells_when_the_old_name_ends(run):
    said = run("from database import Base", "-W", "default", LEGACY_SUNSET_ON="2031-02-03")
    assert "The old name may be gone after 2031-02-03." in said


def test_where_warnings_are_hidden_the_log_tells_each_place_once(run):
    said = run("import database\nfor _ in range(3):\n    database.Base\n", "-W", "ignore")
    assert said.count("database.Base, used in old.py:3, is deprecated") == 1


@pytest.mark.parametrize("module", OLD_MODULES)
def test_switched_off_the_import_says_what_to_do(run, module):
    [name, *_] = OLD_MODULES[module]
    said = run(f"from {module} import {name}", LEGACY="off", fails=True)
    assert f"ImportError: {module} is switched off (LEGACY=off). {module}.{name} is now: " in said
    assert OLD_MODULES[module][name].instead(name) in said
    assert "ImportError" in run(f"import {module}", LEGACY="off", fails=True)


def test_nothing_is_made_or_connected_when_modules_are_imported(run):
    code = """\
        import database, core.config, core.database, core.logging, core.cache, sys
        from database import Base, SessionLocal, get_db
        from core.config import settings
        from core.cache import redis_client
        print(sorted({"asyncpg", "uvicorn", "rq"} & set(sys.modules)))
        settings.PORT
        """
    assert run(code, "-W", "ignore", PORT="8123").startswith("[]\n")
    assert "PORT: " in run(code, PORT="x", fails=True)
    assert "DATABASE_URL: is not set" in run("from database import engine", fails=True)


def test_other_wrong_settings_do_not_stop_an_import(run):
    assert "used in old.py:1" in run("from database import Base", PORT="x")
    assert "LEGACY: " in run("from database import Base", LEGACY="perhaps", fails=True)


@pytest.mark.parametrize("own", ["database.py", "core/__init__.py", "core/config.py"])
def test_the_applications_own_modules_win(run, tmp_path, own):
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("settings = engine = 'own'\n")
    module = {
        "database.py": "database",
        "core/__init__.py": "core",
        "core/config.py": "core.config",
    }[own]
    assert run(f"from {module} import settings\nprint(settings)") == "own\n"
    # no __init__.py: what the application's folder lacks is still there
    if own == "core/config.py":
        assert "core.database.Base" in run("from core.database import Base")


def test_uses_are_counted_by_place(run, redis_url):
    run("import database\nfor _ in range(5):\n    database.Base", REDIS_URL=redis_url)
    uses = {
        (use.place.name, use.place.site): use.count
        for use in read_uses(load_settings(None, redis_url=redis_url))
    }
    assert uses == {("database", "old.py:1"): 1, ("database.Base", "old.py:3"): 5}


def test_counting_never_holds_a_script_up(run):
    code = "import time; started = time.monotonic()\nfrom core.config import settings\nprint(time.monotonic() - started)"
    started = time.monotonic()
    imported_in_s = float(run(code, REDIS_URL="redis://10.255.255.1:6379").splitlines()[0])
    # A busy machine takes a second or two; the kernel would try to connect for two minutes.
    assert imported_in_s < 10
    assert time.monotonic() - started < imported_in_s + PATIENCE_S


# --- what the names give


@pytest.fixture
def database(settings, run):
    """Runs code of an application that has the test's database."""
    return lambda code: run(
        code, "-W", "ignore", DATABASE_URL=settings.database_url.get_secret_value()
    )


def test_sessions_are_synchronous_and_do_nothing_by_themselves(database):
    said = database(
        """\
        from sqlalchemy import text
        from sqlalchemy.orm import Session
        from database import SessionLocal, engine, get_db
        from core.database import get_db_sync
        db = SessionLocal()
        db.execute(text("CREATE TABLE kept (n int)"))
        db.commit()
        db.execute(text("INSERT INTO kept VALUES (1)"))
        db.close()
        with SessionLocal() as db:
            print(db.execute(text("SELECT count(*) FROM kept")).scalar(), db.autoflush, db.expire_on_commit)
        with SessionLocal.begin() as db:
            db.execute(text("INSERT INTO kept VALUES (2)"))
        given = get_db()
        db = next(given)
        print(isinstance(db, Session), db.execute(text("SELECT count(*) FROM kept")).scalar())
        given.close()
        db = get_db_sync()
        print(db.execute(text("SELECT n FROM kept")).scalar())
        db.close()
        print(engine.pool.checkedout())
        """
    )
    assert said.splitlines()[:4] == ["0 False True", "True 1", "2", "0"]


def test_both_dependencies_close_their_sessions(database):
    said = database(
        """\
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from database import engine, get_db
        from core.database import get_db_sync
        from sqlalchemy import text
        app = FastAPI()
        @app.get("/a")
        def a(db=Depends(get_db)):
            return db.execute(text("SELECT 1")).scalar(), engine.pool.checkedout()
        @app.get("/b")
        def b(db=Depends(get_db_sync), same=Depends(get_db)):
            return db.execute(text("SELECT 1")).scalar(), engine.pool.checkedout(), db is same
        with TestClient(app) as http:
            for _ in range(40):
                assert http.get("/a").json() == [1, 1]
                assert http.get("/b").json() == [1, 1, True]
        print(engine.pool.checkedout(), app.openapi()["paths"]["/b"]["get"].get("parameters"))
        """
    )
    assert said.splitlines()[0] == "0 None"


def test_threads_that_come_together_share_one_pool(database):
    said = database(
        """\
        from threading import Barrier, Thread
        from database import SessionLocal
        together, engines = Barrier(20), set()
        def use():
            together.wait()
            engines.add(SessionLocal().get_bind())
        threads = [Thread(target=use) for _ in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(len(engines))
        """
    )
    assert said.splitlines()[0] == "1"


def test_an_applications_tables_do_not_meet_pacegraphs(run):
    said = run(
        """\
        import db.models
        from database import Base
        from sqlalchemy import Column, ForeignKey, Integer
        from sqlalchemy.orm import configure_mappers, relationship
        class Athlete(Base):
            __tablename__ = "athletes"
            id: int = Column(Integer, primary_key=True)
            activities = relationship("Activity", back_populates="athlete")
        class Activity(Base):
            __tablename__ = "activity"
            id = Column(Integer, primary_key=True)
            athlete_id = Column(ForeignKey("athletes.id"))
            athlete = relationship("Athlete", back_populates="activities")
        configure_mappers()
        print(sorted(Base.metadata.tables), Activity(athlete=Athlete()).athlete)
        """,
        "-W", "ignore",
    )  # fmt: skip
    assert "['activity', 'athletes'] <__main__.Athlete" in said


def test_settings_have_their_old_names_and_plain_secrets(run):
    said = run(
        """\
        from core.config import Settings, get_settings, settings
        assert settings is get_settings() is get_settings()
        assert settings.DATABASE_URL.startswith("postgresql://nobody") and settings.DB_POOL_SIZE == 7
        assert (settings.LOG_LEVEL, Settings().PORT, settings.STRAVA_CLIENT_ID) == ("INFO", 8000, None)
        settings.NO_SUCH
        """,
        DATABASE_URL=NOWHERE, DATABASE_POOL_SIZE="7", fails=True,
    )  # fmt: skip
    assert "AttributeError: core.config.settings has no NO_SUCH: " in said


def test_cached_values_come_from_redis_and_are_missing_without(run, redis_url):
    code = """\
        from core.cache import cache_key, cached, delete_cache, delete_pattern, get_cache, get_redis_client, set_cache
        calls = []
        @cached("grade", ttl=60)
        def grade(athlete, year=0):
            calls.append(athlete)
            return {"percent": 61.5}
        print(grade(7, year=1), grade(7, year=1), len(calls))
        print(set_cache("a", [1], ttl=9), get_cache("a"), get_cache("b"), delete_cache("a"), get_cache("a"))
        print(delete_pattern("grade:*"), cache_key("x", 1, b=2))
        """
    here, there = {"percent": 61.5}, "x:1:b=2"
    said = run(code, "-W", "ignore", REDIS_URL=redis_url)
    assert f"{here} {here} 1\nTrue [1] None True None\n1 {there}\n" in said
    for environment in ({"REDIS_URL": "redis://127.0.0.1:1"}, {}):
        said = run(code, "-W", "ignore", **environment)
        assert f"{here} {here} 2\nFalse None None False None\n0 {there}\n" in said


@pytest.mark.parametrize("value", [b"not JSON", b"\xff", b""])
def test_what_is_no_json_is_as_if_it_were_not_there(run, redis_url, value):
    with Redis.from_url(redis_url) as redis:
        redis.set("a", value)
    assert run(
        "from core.cache import get_cache\nprint(get_cache('a'))", REDIS_URL=redis_url
    ).startswith("None\n")


def test_logs_are_pacegraphs(run):
    said = run(
        """\
        from core.logging import get_logger, setup_logging
        setup_logging(level="debug")
        get_logger("x").debug("hello")
        """
    )
    [line] = [json.loads(line) for line in said.splitlines() if '"hello"' in line]
    assert (line["message"], line["logger"], line["process"]) == ("hello", "x", "app")


def test_the_environment_that_make_makes_has_the_names(tmp_path):
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("another environment than the one of local/environment.py")
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-c", "from database import Base"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert warned(ended.stderr) == {("database.Base", "<string>:1")}


# --- the commands


def test_the_folder_for_pythonpath_is_printed(capsys):
    assert cli.main(["legacy-path"]) == 0
    assert (Path(capsys.readouterr().out.strip()) / "database.py").exists()


def test_uses_are_shown_and_forgotten(capsys, redis_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["legacy-uses"]) == 2
    assert "REDIS_URL: is not set" in capsys.readouterr().err
    monkeypatch.setenv("REDIS_URL", redis_url)
    assert cli.main(["legacy-uses"]) == 0
    assert capsys.readouterr().out.startswith("Nothing old was used.\nBut nothing was counted: ")
    uses = LegacyUses(load_settings())
    uses.count_import("database.get_db", "main.py:3")
    uses.count_route("GET /v1/athletes")
    uses.end()
    assert cli.main(["legacy-uses"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["KIND", "NAME", "WHERE", "USES"]
    assert rows[0].startswith("import  database.get_db   main.py:3  1     ")
    assert re.fullmatch(r"Counted since 20\d\d-\d\d-\d\d \d\d:\d\d UTC\.", rows[-1])
    assert cli.main(["legacy-uses", "--json", "--forget"]) == 0
    assert {use["name"]: use["count"] for use in json.loads(capsys.readouterr().out)} == {
        "database.get_db": 1,
        "GET /v1/athletes": 1,
    }
    assert read_uses(load_settings()) == []
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert cli.main(["legacy-uses"]) == 1
    assert "REDIS_URL" in capsys.readouterr().err
