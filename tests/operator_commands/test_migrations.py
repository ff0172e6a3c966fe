"""`pacegraph migrate` while PostgreSQL ends its connections, or is not there."""

import time

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from operator_commands.migrations import data_lost, missing_revisions, upgrade
from tests import factories as make
from tests.lost_connections import COMMIT, connections_ended, once_each, once_each_transaction


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


def test_a_relative_revision_is_not_tried_again(settings, empty_url):
    """The second attempt would count from where the first one came to."""
    empty = settings.model_copy(update={"database_url": SecretStr(empty_url)})
    with (
        connections_ended(empty_url, once_each("CREATE TABLE jobs")),
        pytest.raises(OperationalError),
    ):
        upgrade(empty, "+1")


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
