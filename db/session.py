"""Engines, pools and transactions: the only place that connects to PostgreSQL, and the only one that commits.

`AsyncDatabase` serves the API (asyncpg), `SyncDatabase` jobs, migrations and the command line (psycopg); both are made
from the same settings by a composition root and handed to whoever needs one. Each gives two context managers:

- `read()` yields a connection in which nothing is committed;
- `write()` yields a connection whose work is committed when the block ends, and rolled back when it raises.

Drivers' errors become `db.errors` here.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from db.driver import DriverConnections
from db.errors import DatabaseBusy, DatabaseError, DatabaseUnavailable, StatementTimeout
from settings import Settings, load_settings

_QUERY_CANCELED = "57014"  # SQLSTATE
_REFUSALS = {"08", "28", "3D", "53", "57"}  # its classes: connection, sign-in, no such database, resources, shutdown
_ASYNCPG_NAMES = {"sslmode": "ssl"}
_making = Lock()


class _Pooled:
    """What both databases share: the pool's settings and the translation of errors."""

    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.database_pool_timeout_s
        self.pool_timeouts = 0
        """How often no connection came free in time, since the process started."""

    def _translate(self, error: BaseException) -> DatabaseError | None:
        if isinstance(error, exc.TimeoutError):
            self.pool_timeouts += 1
            return DatabaseBusy(self._timeout_s)
        sqlstate = str(getattr(getattr(error, "orig", error), "sqlstate", None))
        if sqlstate == _QUERY_CANCELED:
            return StatementTimeout("a statement ran longer than DATABASE_STATEMENT_TIMEOUT_MS allows")
        if sqlstate[:2] in _REFUSALS:
            return DatabaseUnavailable("PostgreSQL refused the connection or ended it")
        if isinstance(error, exc.OperationalError | exc.InterfaceError) or getattr(
            error, "connection_invalidated", False
        ):
            return DatabaseUnavailable("PostgreSQL refused or lost the connection")
        if isinstance(error, OSError):
            return DatabaseUnavailable(f"PostgreSQL cannot be reached: {error}")
        return None


class AsyncDatabase(_Pooled):
    """Pooled access by asyncpg."""

    def __init__(self, settings: Settings, *, application_name: str, statement_timeout_ms: int | None = None) -> None:
        """Make the engine; nothing connects yet. Raises InvalidSettings when DATABASE_URL is not set.

        PostgreSQL ends statements after `statement_timeout_ms` if that is less than DATABASE_STATEMENT_TIMEOUT_MS.
        """
        super().__init__(settings)
        server_settings = {"application_name": application_name, "timezone": "UTC"}
        given = [ms for ms in (settings.database_statement_timeout_ms, statement_timeout_ms) if ms]
        if given:
            server_settings["statement_timeout"] = str(min(given))
        connect_args = {"server_settings": server_settings, "timeout": settings.database_connect_timeout_s}
        self.engine: AsyncEngine = create_async_engine(
            _url(settings, "postgresql+asyncpg"), connect_args=connect_args, **_pool_arguments(settings)
        )
        self._driver = DriverConnections(
            self.engine,
            settings.database_pool_size,
            settings.database_pool_timeout_s,
            settings.database_pool_recycle_s,
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection. Raises DatabaseBusy, DatabaseUnavailable, StatementTimeout."""
        try:
            async with self.engine.connect() as connection:
                yield connection
        except Exception as error:
            if translated := self._translate(error):
                raise translated from error
            raise

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection and commit at the end. Raises as `read`."""
        async with self.read() as connection:
            yield connection
            await connection.commit()

    async def fetch_row(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Run a statement in the driver's own form ($1, …) on its own connection, past SQLAlchemy's result layer.

        Returns the first row. Raises as `read`.
        """
        try:
            return await self._driver.fetch_row(statement, parameters)
        except Exception as error:
            if translated := self._translate(error):
                raise translated from error
            raise

    async def ping(self) -> None:
        """Check that PostgreSQL answers. Raises as `read`."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._driver.close()
        await self.engine.dispose()


class SyncDatabase(_Pooled):
    """Pooled access by psycopg."""

    def __init__(self, settings: Settings, *, application_name: str) -> None:
        """Make the engine; nothing connects yet. Raises InvalidSettings when DATABASE_URL is not set."""
        super().__init__(settings)
        connect_args = {
            "application_name": application_name,
            "options": f"-c timezone=UTC -c statement_timeout={settings.database_statement_timeout_ms}",
            "connect_timeout": max(1, round(settings.database_connect_timeout_s)),
        }
        self.engine: Engine = create_engine(
            _url(settings, "postgresql+psycopg"), connect_args=connect_args, **_pool_arguments(settings)
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection. Raises DatabaseBusy, DatabaseUnavailable, StatementTimeout."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except Exception as error:
            if translated := self._translate(error):
                raise translated from error
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection and commit at the end. Raises as `read`."""
        with self.read() as connection:
            yield connection
            connection.commit()

    def close(self) -> None:
        self.engine.dispose()


def _url(settings: Settings, drivername: str) -> URL:
    settings.require("database_url")
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value()).set(drivername=drivername)
    if drivername.endswith("asyncpg"):
        url = url.set(query={_ASYNCPG_NAMES.get(name, name): value for name, value in url.query.items()})
    return url


def _pool_arguments(settings: Settings) -> dict[str, Any]:
    return {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_pool_timeout_s,
        "pool_recycle": settings.database_pool_recycle_s,
        "pool_pre_ping": settings.database_pre_ping,
        "hide_parameters": True,  # errors are logged, and parameters are people's data
    }


@cache
def _default_async() -> AsyncDatabase:
    return AsyncDatabase(load_settings(), application_name="pacegraph-get-db")


@cache
def _default_sync() -> SyncDatabase:
    return SyncDatabase(load_settings(), application_name="pacegraph-get-db-sync")


async def get_db() -> AsyncIterator[AsyncSession]:
    """Yield a session of the process's pool, made from the settings on first use: a FastAPI dependency.

    Nothing is committed unless the caller commits.
    """
    async with AsyncSession(_default_async().engine, expire_on_commit=False) as session:
        yield session


def sync_engine() -> Engine:
    """Give the engine of the process's pool, made from the settings on first use; it connects when it is used.

    For code that brings its own sessions, tables or migrations. Raises InvalidSettings when DATABASE_URL is not set.
    """
    with _making:  # threads that come at once must not make a pool each
        return _default_sync().engine


class _SyncSessions(sessionmaker[Session]):
    """Makes sessions of the process's pool where it has no other `bind`."""

    def __call__(self, **arguments: Any) -> Session:
        if self.kw["bind"] is None and "bind" not in arguments:
            arguments["bind"] = sync_engine()
        return super().__call__(**arguments)


sync_sessions = _SyncSessions(autoflush=False)
"""Makes a session, for scripts and tasks: `with sync_sessions() as session:`, or close it. Made from the settings on
first use. Nothing is committed unless the caller commits, nothing is flushed before that or `flush()`."""


def get_db_sync() -> Iterator[Session]:
    """Yield a session of `sync_sessions`, and close it: a FastAPI dependency."""
    with sync_sessions() as session:
        yield session
