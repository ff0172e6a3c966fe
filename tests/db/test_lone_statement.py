"""A statement that is committed alone goes past SQLAlchemy's execution, with the same outcome."""

import pytest
from pydantic import SecretStr
from sqlalchemy import ARRAY, BigInteger, Boolean, LargeBinary, bindparam, exc, func, select, text
from sqlalchemy import column as sql_column

from db.errors import DatabaseUnavailable
from db.session import SyncDatabase
from tests.db.test_pooled_psycopg import end_connection

_PID = text("SELECT pg_backend_pid() AS pid")


@pytest.fixture
def database(settings):
    found = SyncDatabase(settings, application_name="test-lone-statements")
    yield found
    found.close()


def values_told():
    """What PostgreSQL makes of parameters of several kinds, and of a value of the statement."""
    names = {"numbers": ARRAY(BigInteger), "blobs": ARRAY(LargeBinary), "is_so": Boolean}
    given = [bindparam(name, type_=type_).label(name) for name, type_ in names.items()]
    return select(*given, (sql_column("own") + 4).label("sum")).select_from(
        select(bindparam("own", 3, BigInteger).label("own")).subquery()
    )


def test_values_come_back_by_name(database):
    statement = values_told()
    for blob in (b"\x00\xff", b"later"):
        given = {"numbers": [1, 2**40], "blobs": [blob, None], "is_so": True}
        row = database.write_alone(statement, given)
        assert row._asdict() == {**given, "sum": 7}


def test_it_is_committed_and_the_connection_is_for_transactions_again(database):
    with database.write() as connection:
        connection.execute(text("CREATE TABLE lone (number int)"))
    database.write_alone(text("INSERT INTO lone VALUES (:number) RETURNING 1"), {"number": 5})
    with database.read() as connection:
        assert connection.scalar(text("SELECT number FROM lone")) == 5
        connection.execute(text("DELETE FROM lone"))
    with database.write() as connection:
        assert connection.scalar(select(func.count()).select_from(text("lone"))) == 1
        connection.execute(text("DROP TABLE lone"))


def test_what_is_refused_is_an_error_of_sqlalchemy_and_ends_nothing(database):
    with pytest.raises(exc.DataError):
        database.write_alone(text("SELECT 1 / :number"), {"number": 0})
    assert database.write_alone(_PID, {}) is not None


def test_a_lost_connection_is_told_and_replaced(database, settings):
    pid = database.write_alone(_PID, {}).pid
    end_connection(database, settings)
    with pytest.raises(DatabaseUnavailable) as failure:
        database.write_alone(_PID, {})
    assert failure.value.is_written is None
    assert database.write_alone(_PID, {}).pid != pid


def test_a_database_that_cannot_be_reached_is_told(settings):
    away = settings.model_copy(
        update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none")}
    )
    database = SyncDatabase(away, application_name="test-lone-statements")
    with pytest.raises(DatabaseUnavailable):
        database.write_alone(_PID, {})
    database.close()
