"""Each migration down and up again, with rows, while clients read, write and keep transactions open.

The clients use the columns of the first migration alone, as the version of the program does that was
there before a migration: it must not notice one.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from operator_commands.migrations import downgrade, upgrade
from operator_commands.revisions import SCRIPTS
from tests import factories as make
from tests.db.test_migration import AS_A_WHOLE, connection, differences

pytestmark = pytest.mark.whole

__all__ = ["connection"]

REVISIONS = [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()][::-1]
LONGEST_S = 2.5
"""How long a statement of a client may take: a migration's wait for a lock ends after a second."""
HELD_S, FREE_S = 1.3, 2.7
"""A transaction stays open for longer than a migration waits, then lets it pass."""
_READ = (
    """SELECT id, name, started_at, distance_m FROM activities WHERE athlete_id = %(athlete)s
    ORDER BY started_at DESC, id LIMIT 20""",
    """SELECT b.id, b.elapsed_s, a.name FROM personal_bests b
    JOIN activities a ON a.id = b.activity_id WHERE b.athlete_id = %(athlete)s""",
    "SELECT id, kind, status, version FROM jobs WHERE athlete_id = %(athlete)s",
    """SELECT count(*) FROM activity_streams s JOIN activities a ON a.id = s.activity_id
    WHERE a.athlete_id = %(athlete)s""",
)
_WRITE = (
    "UPDATE athletes SET city = city WHERE id = %(athlete)s",
    """INSERT INTO activities (athlete_id, source, name, sport_type, started_at, started_at_local,
    timezone, distance_m, moving_time_s, elapsed_time_s, visibility, streams_state)
    VALUES (%(athlete)s, 'FILE', %(name)s, 'Run', now(), now(), 'Europe/Lisbon', 5000, 1500, 1500,
    'EVERYONE', 'ABSENT')""",
    """INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s,
    start_offset_s, achieved_at, provenance, implied, counts) SELECT athlete_id, id, 'KM5', 5000,
    1500, 0, started_at, 'WHOLE_ACTIVITY', false, false FROM activities WHERE name = %(name)s""",
    """UPDATE activities SET elevation_gain_m = coalesce(elevation_gain_m, 0) + 1
    WHERE athlete_id = %(athlete)s AND source = 'STRAVA'""",
    "UPDATE jobs SET version = version + 1 WHERE athlete_id = %(athlete)s",
    "INSERT INTO feedback (message) VALUES (%(name)s)",
)
_TABLES = ("athletes", "activities", "best_efforts", "personal_bests", "jobs", "activity_streams")


class Clients:
    """Ask until they are told to end, each on a connection of its own."""

    def __init__(self, url: str, athlete_id: int) -> None:
        self._url, self._athlete_id = url, athlete_id
        self._is_over = threading.Event()
        self.at = "before"
        """What is under way."""
        self.slowest: dict[str, float] = {}
        """Seconds of the longest statement, by what was under way when it ended."""
        self.written: list[str] = []
        """Names of activities that were committed."""
        self.repeated: Counter[str] = Counter()
        self.failed: list[str] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        kinds = (self._read, self._write, self._hold)
        threads = [threading.Thread(target=self._ask, args=(kind,)) for kind in kinds]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self._is_over.set()
            for each in threads:
                each.join()

    def _ask(self, kind: Callable[[psycopg.Connection, int], None]) -> None:
        number = 0
        with psycopg.connect(self._url) as connection:
            while not self._is_over.wait(0.02):
                number += 1
                try:
                    kind(connection, number)
                except psycopg.errors.DeadlockDetected:  # the program repeats these too
                    self.repeated[self.at] += 1
                except psycopg.Error as error:
                    self.failed.append(f"{self.at}: {error!r}")
                connection.rollback()

    def _read(self, connection: psycopg.Connection, _number: int) -> None:
        for statement in _READ:
            self._run(connection, statement)

    def _write(self, connection: psycopg.Connection, number: int) -> None:
        name = f"written {number}"
        for statement in _WRITE:
            self._run(connection, statement, name)
        connection.commit()
        self.written.append(name)

    def _hold(self, connection: psycopg.Connection, _number: int) -> None:
        for table in _TABLES:
            self._run(connection, f"SELECT FROM {table} LIMIT 1")
        self._is_over.wait(HELD_S)
        connection.rollback()
        self._is_over.wait(FREE_S)

    def _run(self, connection: psycopg.Connection, statement: str, name: str = "") -> None:
        began = time.monotonic()
        connection.execute(statement, {"athlete": self._athlete_id, "name": name})
        took_s = time.monotonic() - began
        self.slowest[self.at] = max(took_s, self.slowest.get(self.at, 0))


def test_each_migration_goes_down_and_up_while_others_work(settings, database_url, db, connection):
    person = create_rows(db)
    of_strava = "SELECT count(*) FROM activities WHERE source = 'STRAVA'"
    before = db.exec_driver_sql(of_strava).scalar_one()
    clients = Clients(database_url, person.athlete_id)
    with clients.at_work():
        for below, revision in reversed([*pairwise(REVISIONS)]):
            clients.at = f"{revision} down"
            downgrade(settings, below)
        for revision in REVISIONS[1:]:
            clients.at = f"{revision} up"
            upgrade(settings, revision)
    assert clients.failed == [], clients.failed[:5]
    slow = {at: took_s for at, took_s in clients.slowest.items() if took_s > LONGEST_S}
    assert {at for at in slow if at[:4] > AS_A_WHOLE} == set()
    assert len(clients.slowest) > len(REVISIONS), "they were asked all the time"
    assert differences(connection) == []
    assert db.exec_driver_sql(of_strava).scalar_one() == before
    written = "SELECT name FROM activities WHERE source = 'FILE'"
    assert Counter(db.exec_driver_sql(written).scalars()) == Counter(clients.written)
    is_kept_up_to_date(db)


def is_kept_up_to_date(db: Connection) -> None:
    """What triggers write of a row is there, as if all were written now."""
    query = "SELECT id, listed_json FROM activities ORDER BY id"
    found = db.exec_driver_sql(query).all()
    db.exec_driver_sql("UPDATE activities SET name = name")
    assert db.exec_driver_sql(query).all() == found
    assert all(json for _, json in found)


def create_rows(db: Connection) -> make.Person:
    """Some in each large table, and in most others."""
    person = make.create_person(db)
    athlete_id = person.athlete_id
    make.create_session(db, person.account_id)
    make.create_connection(db, athlete_id)
    make.create_zones(db, athlete_id, date(2026, 1, 1), [100, 120, 140, 160, 180])
    gear = make.create_gear(db, athlete_id)
    for number in range(40):
        activity_id = make.create_activity(db, athlete_id, gear_id=gear if number % 2 else None)
        make.create_streams(db, activity_id, make.samples(300, every_column=True))
        make.create_lap(db, activity_id)
        make.create_split(db, activity_id)
        make.create_heart_rates(db, activity_id)
        make.create_route(db, activity_id, [(41_150_000, -8_610_000), (41_160_000, -8_620_000)])
        make.create_best_effort(db, activity_id, elapsed_s=1300.0 - number)
    make.recalculate_bests(db, athlete_id)
    job_id = make.create_job(db, athlete_id, status="FAILED")
    make.create_job_problem(db, job_id, athlete_id)
    make.create_sync_problem(db, person)
    exported = make.create_job(db, athlete_id, kind="EXPORT")
    make.create_export(db, exported, athlete_id)
    imported = make.create_job(db, athlete_id, kind="IMPORT")
    make.create_import_entry(db, imported, athlete_id, activity_id)
    make.create_upload(db, athlete_id)
    make.create_deleted_activity(db, athlete_id)
    make.create_athlete_change(db, athlete_id, job_id, activity_id, "KM5")
    make.create_feedback(db)
    return person
