"""A clock that is moved by hand, for this process, those that it forks, and PostgreSQL.

Functions `now()` and `clock_timestamp()` of a schema that stands before PostgreSQL's own in the
database's search path take the place of those. Redis shows the machine's time: nothing may rely on
it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import RawValue

import psycopg

from runtime.clock import CLOCK, Clock

# A sequence is read where it stands, by all transactions alike; a row of a table has an older version for
# each move. What PostgreSQL reads it with counts as volatile there, under which no condition on a
# time may use an index. As an expression of stable functions, now() is put into the statement.
_DEFINITIONS = (
    "CREATE SCHEMA simulated",
    "CREATE SEQUENCE simulated.microseconds",
    "CREATE FUNCTION simulated.last_value(oid) RETURNS bigint STABLE STRICT LANGUAGE internal AS 'pg_sequence_last_value'",
)
_FUNCTION = (
    "CREATE FUNCTION simulated.{}() RETURNS timestamptz STABLE LANGUAGE sql "
    "AS 'SELECT pg_catalog.to_timestamp(simulated.last_value({}::oid) / 1e6::float8)'"
)
_MOVE = "SELECT setval('simulated.microseconds', %s)"
_BOOTED = timedelta(days=1)
"""Before the beginning: when the machine's steady clock began."""
_DEFAULTS = (
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = 'public' AND column_default = 'now()'"
)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class SimulatedTime:
    def __init__(self, start: datetime) -> None:
        self._microseconds = RawValue("q", (start - _EPOCH) // _MICROSECOND)
        self._booted = start - _BOOTED
        self._connections: list[psycopg.Connection] = []

    @property
    def now(self) -> datetime:
        return _EPOCH + self._microseconds.value * _MICROSECOND

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Be the clock of what this context runs."""
        token = CLOCK.set(Clock(lambda: self.now, self._steady_s))
        try:
            yield
        finally:
            CLOCK.reset(token)

    def _steady_s(self) -> float:
        return (self.now - self._booted).total_seconds()

    def rule_over(self, url: str) -> None:
        """Be the clock of a database, for connections that are opened afterwards."""
        connection = psycopg.connect(url, autocommit=True)
        for definition in _DEFINITIONS:
            connection.execute(definition)
        row = connection.execute("SELECT 'simulated.microseconds'::regclass::oid").fetchone()
        assert row is not None
        for name in ("now", "clock_timestamp"):
            connection.execute(_FUNCTION.format(name, *row))
        for table, column in connection.execute(_DEFAULTS).fetchall():
            connection.execute(
                f"ALTER TABLE public.{table} ALTER {column} SET DEFAULT simulated.now()"
            )
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET search_path = simulated, pg_catalog, public"
        )
        connection.execute(_MOVE, [self._microseconds.value])
        self._connections.append(connection)

    def move_to(self, moment: datetime) -> None:
        """Move forward; never back."""
        self._microseconds.value = max(self._microseconds.value, (moment - _EPOCH) // _MICROSECOND)
        for each in self._connections:
            each.execute(_MOVE, [self._microseconds.value])

    def pass_by(self, seconds: float) -> None:
        self.move_to(self.now + timedelta(seconds=seconds))

    def close(self) -> None:
        for each in self._connections:
            each.close()
