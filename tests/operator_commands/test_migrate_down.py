"""`pacegraph migrate --down` asks before it drops rows or values."""

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import cli
from operator_commands.migrations import data_lost
from tests import factories as make
from tests.logs.log_state import logs_restored


@pytest.fixture
def migrate(settings, monkeypatch, tmp_path) -> Iterator:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    with logs_restored():
        yield lambda *arguments: cli.main(["migrate", "--down", *arguments])


@contextmanager
def terminal_says(monkeypatch, answer: str) -> Iterator[None]:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        os.write(ours, f"{answer}\n".encode())
        yield
    os.close(ours)


def has_jobs(db) -> bool:
    return db.exec_driver_sql("SELECT to_regclass('jobs') IS NOT NULL").scalar_one()


def test_an_empty_database_is_reverted_without_a_question(migrate, db):
    assert migrate("--to", "base") == 0
    assert not has_jobs(db)


def test_an_unknown_migration_is_told(migrate, db, capsys):
    assert migrate("--to", "9999") == 1
    told = capsys.readouterr().err
    assert "No such revision or branch '9999'" in told
    assert "Traceback" not in told


def test_the_tables_with_rows_are_found(db, settings):
    athlete_id = make.create_athlete(db)
    make.create_activity(db, athlete_id)
    dropped = data_lost(settings, "base")
    assert (dropped["athletes"], dropped["activities"]) == (1, 1)
    assert "jobs" not in dropped
    below = data_lost(settings, "0001")
    assert "athletes" not in below


def test_the_columns_with_values_are_found(db, settings):
    """Their names stand in calls, in SQL and in loops."""
    athlete_id = make.create_athlete(db)
    activity_id = make.create_activity(db, athlete_id)
    job_id = make.create_job(db, athlete_id)
    assert "athletes.shares_age_grades" not in data_lost(settings, "0002")
    db.exec_driver_sql("UPDATE athletes SET shares_age_grades = true")
    db.exec_driver_sql(f"UPDATE activities SET streams_tries = 2 WHERE id = {activity_id}")
    db.exec_driver_sql(f"UPDATE jobs SET request_id = 'follow-me' WHERE id = {job_id}")
    lost = data_lost(settings, "0002")
    assert lost["athletes.shares_age_grades"] == 1
    assert lost["activities.streams_tries"] == 1
    assert lost["jobs.request_id"] == 1
    assert "jobs.trace_id" not in lost
    assert "athletes.data_version" not in lost  # counted anew
    kept = data_lost(settings, "0008").keys()
    assert kept.isdisjoint(["activities.streams_tries", "jobs.request_id"])
    assert "athletes.shares_age_grades" not in data_lost(settings, "base")  # the table goes


def test_rows_that_are_deleted_are_found(db, settings):
    make.create_personal_best(db, for_athlete=False, for_others=True, is_current=False)
    assert data_lost(settings, "0002")["personal_bests WHERE NOT for_athlete"] == 1
    assert "personal_bests WHERE NOT for_athlete" not in data_lost(settings, "0003")


def test_no_step_is_taken_before_the_answer(migrate, db, capsys):
    make.create_athlete(db)
    db.exec_driver_sql("UPDATE athletes SET shares_age_grades = true")
    assert migrate("--to", "0002") == 1
    assert "athletes.shares_age_grades (1 values)" in capsys.readouterr().err
    assert db.exec_driver_sql("SELECT shares_age_grades FROM athletes").scalar_one()


def test_where_nobody_can_be_asked_nothing_is_done(migrate, db, capsys):
    make.create_athlete(db)
    assert migrate("--to", "base") == 1
    error = capsys.readouterr().err
    assert "athletes (1 rows)" in error
    assert "--yes" in error
    assert has_jobs(db)
    assert migrate("--to", "base", "--yes") == 0
    assert not has_jobs(db)


@pytest.mark.parametrize(("answer", "is_done"), [("", False), ("n", False), ("y", True)])
def test_the_answer_counts(migrate, db, monkeypatch, answer, is_done):
    make.create_athlete(db)
    with terminal_says(monkeypatch, answer):
        assert migrate("--to", "base") == (0 if is_done else 1)
    assert has_jobs(db) is not is_done
