"""An athlete's version of data rises with each transaction that changes data, once."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, create_engine, text

from db.statements.data_version import OF_ATHLETES_AND_ALL
from tests import factories as make

RENAME = text("UPDATE activities SET name = name || '.' WHERE id = :id")
FORGET = text("DELETE FROM best_efforts WHERE activity_id = :id")
VERSION = text("SELECT data_version FROM athletes WHERE id = :athlete")
CHANGES = text("SELECT sum(changes)::bigint FROM data_changes")


class Watched:
    def __init__(self, connection: Connection, db: Connection) -> None:
        self._connection = connection
        self.athlete = make.create_athlete(db)
        self.run = make.create_activity(db, self.athlete)
        make.create_best_effort(db, self.run)

    def change(self, statement=RENAME) -> int:
        """Change the run; returns the version after it, within the transaction."""
        self._connection.execute(statement, {"id": self.run})
        return self.version()

    def version(self) -> int:
        return self._connection.execute(VERSION, {"athlete": self.athlete}).scalar_one()

    def changes(self) -> int:
        return self._connection.execute(CHANGES).scalar_one()


@pytest.fixture
def connection(database_url):
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _released(connection: Connection, change: Callable[[], int]) -> None:
    with connection.begin_nested():
        change()


def _rolled_back(connection: Connection, change: Callable[[], int]) -> None:
    with connection.begin_nested() as savepoint:
        change()
        savepoint.rollback()


def test_it_rises_once_a_transaction_and_again_in_the_next(connection, db):
    watched = Watched(connection, db)
    before = watched.version(), watched.changes()
    first = watched.change(), watched.changes()
    assert first > before
    assert first[1] > before[1]
    assert (watched.change(FORGET), watched.changes()) == first
    assert (watched.change(), watched.changes()) == first
    connection.commit()
    assert watched.change() > first[0]
    connection.rollback()
    assert watched.version() == first[0]


@pytest.mark.parametrize("within", [_released, _rolled_back])
def test_a_change_after_a_savepoint_has_a_new_version_whatever_became_of_it(connection, db, within):
    watched = Watched(connection, db)
    before = watched.version(), watched.changes()
    within(connection, watched.change)
    watched.change(FORGET)
    connection.commit()
    assert watched.version() > before[0]
    assert watched.changes() > before[1]


def test_what_changes_no_row_leaves_it(connection, db):
    watched = Watched(connection, db)
    before = watched.version(), watched.changes()
    connection.execute(RENAME, {"id": -1})
    connection.commit()
    assert (watched.version(), watched.changes()) == before


def test_a_read_is_planned_once_for_all(connection, db):
    """However few ids the first reads of a connection have."""
    ids = [make.create_athlete(db) for _ in range(300)][:3]
    db.exec_driver_sql("ANALYZE athletes")
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # as with many athletes
    connection.exec_driver_sql(f"PREPARE versions(bigint[], bool) AS {OF_ATHLETES_AND_ALL}")
    for number in range(8):
        asked = ids[: 1 + number % 3]
        found = connection.exec_driver_sql(f"EXECUTE versions('{set(asked)}', false)").one()
        assert sorted(found[0]) == sorted(asked)
    plans = text("SELECT custom_plans FROM pg_prepared_statements WHERE name = 'versions'")
    assert connection.execute(plans).scalar_one() == 5
