"""`pacegraph migrate` while PostgreSQL ends its connections, or is not there."""

import threading
import time

import psycopg
import pytest
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from operator_commands.migrations import data_lost, downgrade, upgrade
from operator_commands.revisions import SCRIPTS, missing_revisions
from tests import factories as make
from tests.lost_connections import COMMIT, connections_ended, once_each, once_each_transaction
from tests.patience import PATIENCE_S

REVISIONS = [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()][::-1]


@pytest.fixture
def empty_url(clone_of):
    with clone_of("template1") as url:
        yield url


def test_it_goes_on_where_the_connection_was_lost(settings, empty_url, connect_to):
    """While it waits for others, within a migration, and while an index is built."""
    empty = settings.model_copy(update={"database_url": SecretStr(empty_url)})
    moments = ("pg_advisory_lock", "CREATE TABLE jobs", COMMIT, "CREATE INDEX CONCURRENTLY")
    with connections_ended(empty_url, once_each(*moments)) as ended:
        upgrade(empty)
    assert len(ended) == len(moments)
    with connect_to(empty_url) as connection:
        assert missing_revisions(connection) == []
        invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        assert connection.exec_driver_sql(invalid).scalar_one() == 0


def test_steps_are_counted_from_where_the_database_was(settings, empty_url, connect_to):
    """They are tried again too, up and down, and go no further than they were asked to."""
    empty = settings.model_copy(update={"database_url": SecretStr(empty_url)})
    for move, steps, lost_at, left in (
        (upgrade, "+2", "CREATE TABLE jobs", REVISIONS[2:]),
        (upgrade, "+1", "uq_personal_bests_current_for_others", REVISIONS[3:]),
        (downgrade, "-2", "DROP TABLE browser_sessions", REVISIONS[1:]),
        (downgrade, "-1", "DROP TABLE athletes", REVISIONS),
    ):
        with connections_ended(empty_url, once_each(lost_at)) as ended:
            move(empty, steps)
        assert len(ended) == 1
        with connect_to(empty_url) as connection:
            assert missing_revisions(connection) == left
    with pytest.raises(CommandError, match="-1"):
        downgrade(empty, "-1")


def test_a_step_down_lets_others_pass_and_tries_again(settings, database_url):
    """Who reads a table waits for a moment, however long another one holds it."""
    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        holder.execute("SELECT FROM personal_bests")  # its transaction goes on
        step = threading.Thread(target=downgrade, args=(settings, "0060"))
        step.start()
        waits_for_a_lock(other, "pacegraph-migrate")
        other.execute("SELECT FROM personal_bests")
        assert step.is_alive(), "it waits"
    step.join(30)
    with psycopg.connect(database_url, autocommit=True) as other:
        [revision] = other.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revision == "0060"


def waits_for_a_lock(other: psycopg.Connection, application: str) -> None:
    waiting = (
        "SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + PATIENCE_S
    while not other.execute(waiting, (application,)).fetchall():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_database_that_is_not_there_fails_at_once(settings):
    closed = SecretStr("postgresql://postgres@127.0.0.1:1/none")
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        upgrade(settings.model_copy(update={"database_url": closed}))
    assert time.monotonic() - begun < 10


def test_rows_are_counted_again(db, database_url, settings):
    make.create_athlete(db)
    with connections_ended(database_url, once_each_transaction(3)) as ended:
        assert data_lost(settings, "base")["athletes"] == 1
    assert len(ended) == 1
