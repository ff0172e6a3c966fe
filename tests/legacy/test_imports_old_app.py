"""The older application runs unchanged, with warnings; and after `migrate-imports` the same,
without one.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from redis import Redis

import cli
from legacy.old_names import OLD_MODULES
from legacy.uses import read_uses
from settings import load_settings
from tests.conftest import STRAVA
from tests.legacy.running_app import ADA, OLD_APP, RUN, RunningApp, copy_of_old_app, warned

pytestmark = pytest.mark.whole


@pytest.fixture
def empty_database(postgres_url):
    """Makes databases without any table."""

    @contextmanager
    def new(name: str) -> Iterator[str]:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            yield postgres_url.replace("@/postgres", f"@/{name}")
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return new


def from_imports() -> set[tuple[str, str]]:
    """What the application's files import from old modules by name, outside TYPE_CHECKING, and
    where.
    """
    found = set()
    for file in OLD_APP.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in OLD_MODULES:
                place = f"{file.relative_to(OLD_APP)}:{node.lineno}"
                found |= {(f"{node.module}.{alias.name}", place) for alias in node.names}
    return found - {("database.Base", "services/personal_bests.py:7")}


def test_it_runs_unchanged_with_warnings_then_migrated_without_one(
    empty_database, redis_url, tmp_path, capsys
):
    environment = {
        "REDIS_URL": redis_url,
        "LOG_LEVEL": "INFO",
        **{name.upper(): STRAVA[name] for name in STRAVA},
    }
    old = copy_of_old_app(tmp_path / "old")
    with empty_database("old_app") as url:
        app = RunningApp(old, ["-W", "always::DeprecationWarning"], DATABASE_URL=url, **environment)
        before = app.everything()
    warnings = warned(app.said)
    assert from_imports() <= warnings
    # `import database`, `from core import config` and what is used of them, at the line that uses
    # it.
    assert {
        ("database", "main.py:8"),
        ("database.engine", "main.py:37"),
        ("core.config", "scripts/report.py:10"),
        ("core.config.settings", "scripts/report.py:17"),
        ("database.SessionLocal", "scripts/recalculate_pbs.py:13"),
        ("core.database.get_db", "routers/feedback.py:13"),
    } <= warnings
    counted = {
        (use.place.name, use.place.site)
        for use in read_uses(load_settings(None, redis_url=redis_url))
    }
    assert counted == warnings

    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    new = copy_of_old_app(tmp_path / "new")
    assert cli.main(["migrate-imports", str(new), "--write"]) == 0
    assert capsys.readouterr().out == ""
    with empty_database("new_app") as url:
        app = RunningApp(
            new, ["-W", "error::DeprecationWarning"], DATABASE_URL=url, LEGACY="off", **environment
        )
        after = app.everything()
    assert after == before
    assert not re.search("deprecat", app.said, re.IGNORECASE), app.said
    assert read_uses(load_settings(None, redis_url=redis_url)) == []
    assert_answers(after)

    written = {file: file.read_bytes() for file in new.rglob("*.py")}
    assert cli.main(["migrate-imports", str(new), "--write"]) == 0
    assert {file: file.read_bytes() for file in new.rglob("*.py")} == written


def assert_answers(answers: dict) -> None:
    """It did work: the same answers twice might be the same failures."""
    assert answers["seed"] == "10 activities\n"
    assert answers["recalculate"] == "Ada 2\nBen 2\n"
    assert answers["GET /health"]["redis"] == "connected"
    assert answers[f"GET /v1/activities/{RUN}/age-grade"] == {
        "activity_id": str(RUN),
        "performance_percentage": 54.7,
    }
    assert len(answers[f"GET /v1/activities?athlete_id={ADA}&limit=3"]) == 3
    assert len(answers[f"GET /v1/activities?athlete_id={ADA}"]) == 5
    assert answers["GET /strava/sync/{task_id}"]["status"] == "succeeded"
    assert "activity_split 20\n" in answers["report"]
    assert "activity_feedback 1\n" in answers["report"]


def test_its_migration_makes_what_its_models_say(empty_database, redis_url, tmp_path):
    with empty_database("old_app") as url:
        app = RunningApp(
            copy_of_old_app(tmp_path / "old"), [], DATABASE_URL=url, REDIS_URL=redis_url
        )
        app.run("-m", "alembic", "upgrade", "head")
        assert "No new upgrade operations detected" in app.run("-m", "alembic", "check") + app.said
        assert "CREATE TABLE athlete" in app.run("-m", "alembic", "upgrade", "head", "--sql")


def test_nothing_that_is_written_imports_what_is_old(tmp_path: Path):
    new = copy_of_old_app(tmp_path / "new")
    cli.main(["migrate-imports", str(new), "--write"])
    for file in new.rglob("*.py"):
        tree = ast.parse(file.read_text())
        names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not {
            name for name in names if name.split(".")[0] in {"database", "core", "legacy"}
        }, file
