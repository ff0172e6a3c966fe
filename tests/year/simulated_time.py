"""A clock that is moved by hand, for this process and for PostgreSQL.

Functions `now()` and `clock_timestamp()` of a schema that stands before PostgreSQL's own in the
database's search path take the place of those. Redis shows the machine's time: nothing may rely on
it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg

from runtime.clock import CLOCK, Clock

_FUNCTION = "CREATE FUNCTION simulated.{}() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT at FROM simulated.time'"
_BOOTED = timedelta(days=1)
"""Before the beginning: when the machine's steady clock began."""
_DEFAULTS = (
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = 'public' AND column_default = 'now()'"
)


class SimulatedTime:
    def __init__(self, start: datetime) -> None:
        self.now = start
        self._booted = start - _BOOTED
        self._connections: list[psycopg.Connection] = []

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
        connection.execute("CREATE SCHEMA simulated")
        connection.execute("CREATE TABLE simulated.time (at timestamptz NOT NULL)")
        connection.execute("INSERT INTO simulated.time VALUES (%s)", [self.now])
        for name in ("now", "clock_timestamp"):
            connection.execute(_FUNCTION.format(name))
        for table, column in connection.execute(_DEFAULTS).fetchall():
            connection.execute(
                f"ALTER TABLE public.{table} ALTER {column} SET DEFAULT simulated.now()"
            )
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET search_path = simulated, pg_catalog, public"
        )
        self._connections.append(connection)

    def move_to(self, moment: datetime) -> None:
        """Move forward; never back."""
        self.now = max(self.now, moment)
        for each in self._connections:
            each.execute("UPDATE simulated.time SET at = %s", [self.now])

    def pass_by(self, seconds: float) -> None:
        self.move_to(self.now + timedelta(seconds=seconds))

    def close(self) -> None:
        for each in self._connections:
            each.close()
