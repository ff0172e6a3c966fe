"""Engines, pools and transactions: the only module that connects to PostgreSQL and commits.

`AsyncDatabase` (asyncpg) serves the API; `SyncDatabase` (psycopg) serves jobs, migrations and the
command line. A composition root creates them from the settings and passes them on. Each has two
context managers:

- `read()` yields a connection in which nothing is committed;
- `write()` yields a connection and commits when the block ends, or rolls back when it raises.

Errors of the drivers are raised as `db.errors`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import cache, partial
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, create_engine, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from db.backend_cpu import clock_of, know_backends
from db.connection_arguments import (
    asyncpg_arguments,
    database_url,
    name_each,
    notice_dark_hosts,
    pool_arguments,
    psycopg_arguments,
    tell_times_in_utc,
)
from db.driver import DriverConnections
from db.driver_errors import translate
from db.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseReadOnly,
    StatementTimeout,
    TransactionConflict,
)
from db.exact_days import send_days_as_they_are
from db.lone_statement import LoneStatements
from db.metering import metered
from db.new_connections import NewConnections
from db.pooled_psycopg import check_idle, keep_prepared
from db.retry import RetryPolicy, is_worth_another_try
from db.several_hosts import try_each_host
from db.snapshot import Snapshot
from db.statement_watch import StatementWatch
from db.trace_steps import reading_step, transaction_step
from runtime.grace_period import with_grace
from runtime.work_meter import DATABASE_WORK, WorkMeter
from settings import Settings, load_settings

if TYPE_CHECKING:
    from db.write_positions import CommitRecorder, WritePositions

_LEAVE_EVERY_S = 5.0
_making = Lock()
_Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
T = TypeVar("T")


class _Pooled:
    """What both databases share: the pool's settings and the translation of errors."""

    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.database_pool_timeout_s
        self.pool_timeouts = 0
        """How often no connection was free in time, since the process started."""
        self.retry_policy = RetryPolicy(settings.database_failover_s)

    @contextmanager
    def _translating(self, *, is_committing: bool = False) -> Iterator[None]:
        """Raise one of `db.errors` instead of the driver's error."""
        try:
            yield
        except Exception as error:
            translated = self._translate(error)
            if translated is None:
                raise
            # A transaction that was rolled back for others is not written, whenever that is told.
            if is_committing and not isinstance(translated, TransactionConflict):
                translated.is_written = None
            raise translated from error

    def _translate(self, error: BaseException) -> DatabaseError | None:
        if isinstance(error, exc.TimeoutError):
            self.pool_timeouts += 1
            return DatabaseBusy(self._timeout_s)
        return translate(error)


class AsyncDatabase(_Pooled):
    """Pooled connections by asyncpg."""

    def __init__(
        self, settings: Settings, *, application_name: str, statement_timeout_ms: int | None = None
    ) -> None:
        """Create the engine without connecting. Raises InvalidSettings if DATABASE_URL is not set.

        A `statement_timeout_ms` below DATABASE_STATEMENT_TIMEOUT_MS takes its place.
        """
        super().__init__(settings)
        url = database_url(settings, "postgresql+asyncpg")
        arguments = partial(asyncpg_arguments, settings, statement_timeout_ms=statement_timeout_ms)
        self.engine: AsyncEngine = create_async_engine(
            url, connect_args=arguments(application_name), **pool_arguments(settings)
        )
        send_days_as_they_are(self.engine)
        know_backends(self.engine)
        self.new_connections = NewConnections(self.engine)
        self.positions: WritePositions | None = None
        """Records commits for replicas. None: there are no replicas."""
        self._left_standby_at = -_LEAVE_EVERY_S
        watching = create_async_engine(
            url,
            connect_args=arguments(f"{application_name}-watch"),
            **{**pool_arguments(settings), "pool_size": 1, "max_overflow": 0},
        )
        if settings.is_pooled:
            name_each(self.engine.sync_engine)
        for each in (self.engine, watching):
            notice_dark_hosts(each)
            try_each_host(each.sync_engine)
        limit_s = settings.operation_database_time_s
        self.watch = StatementWatch(watching, limit_s, is_pooled=settings.is_pooled)
        self._driver = DriverConnections(
            self.engine,
            settings.most_connections,
            settings.database_pool_timeout_s,
            settings.database_pool_recycle_s,
            self.watch,
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection. Raises DatabaseBusy, DatabaseUnavailable, StatementTimeout."""
        with self._translating():
            async with self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection and commit at the end. Raises as `read`."""
        async with self.read() as connection:
            yield connection
            is_committed = False
            try:
                with self._translating(is_committing=True):
                    await connection.commit()
                is_committed = True
            finally:
                if self.positions is not None and not is_committed:  # perhaps it is
                    self.positions.lose()
            if self.positions is not None:
                await self.positions.after_commit(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Yield what reads the data of one moment, however many statements it takes.

        Raises as `read`.
        """
        async with self.read() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            clock = clock_of(connection)
            try:
                async with driver.transaction(isolation="repeatable_read", readonly=True):
                    yield Snapshot(driver, clock, self.watch, self._translating, self.check_work)
            except BaseException:  # its end may be cancelled too, unknown to the pool
                await connection.invalidate()
                raise

    async def reading(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do work that only reads, again where PostgreSQL failed for a passing reason.

        Raises as `read`, once it has failed several times.
        """
        return await self._persevere(partial(self._do, self.read, work))

    async def writing(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do work in one transaction and commit it.

        It is repeated after a transient failure that wrote nothing, so `work` touches nothing but
        its connection. Raises as `read`.
        """
        return await self._persevere(partial(self._do, self.write, work))

    def check_work(self, meter: WorkMeter) -> None:
        """Raise StatementTimeout if an operation has worked for longer than it may."""
        if meter.total_ms > 1000 * self.watch.limit_s:
            raise StatementTimeout("the operation worked in the database for too long")

    async def _do(self, connect: _Connect, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        meter = DATABASE_WORK.get() or WorkMeter()
        self.check_work(meter)
        return await with_grace(self._transact(connect, work, meter))

    async def _transact(
        self, connect: _Connect, work: Callable[[AsyncConnection], Awaitable[T]], meter: WorkMeter
    ) -> T:
        async with connect() as connection:
            key = self.watch.key_of((await connection.get_raw_connection()).driver_connection)
            with transaction_step(), metered(meter, self.watch, key, connection):
                return await work(connection)

    async def _persevere(self, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            done = await attempt()
        except DatabaseError as error:
            return await self._try_again(attempt, error)
        self.retry_policy.succeeded()
        return done

    async def _try_again(self, attempt: Callable[[], Awaitable[T]], failure: DatabaseError) -> T:
        for pause_s in self.retry_policy.pauses_s():
            if not is_worth_another_try(failure):
                break
            await self._leave_standby(failure)
            await asyncio.sleep(pause_s)
            try:
                done = await attempt()
            except DatabaseError as error:
                failure = error
            else:
                self.retry_policy.succeeded()
                return done
        raise failure

    async def _leave_standby(self, failure: DatabaseError) -> None:
        """Reconnect after a failover, because the pool's connections lead to the old primary."""
        now = monotonic()
        if isinstance(failure, DatabaseReadOnly) and now - self._left_standby_at > _LEAVE_EVERY_S:
            self._left_standby_at = now
            await self._driver.close()
            await self.engine.dispose()

    async def fetch_row(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Run a statement that only reads in the driver's own form, without SQLAlchemy's results.

        Parameters are written $1, $2, … Returns the first row. Retries and raises as `reading`.
        """
        try:
            return await self.fetch_row_once(statement, parameters)
        except DatabaseError as error:
            return await self._try_again(partial(self.fetch_row_once, statement, parameters), error)

    async def fetch_row_once(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Do as `fetch_row` does, without another try."""
        with reading_step():
            return (await with_grace(self.fetch_rows_once(statement, (parameters,))))[0]

    async def fetch_rows_once(
        self, statement: str, sets: Sequence[Sequence[Any]], *, all_of_one: bool = False
    ) -> Sequence[Any]:
        """Do as `fetch_row_once` does; what is fetched is that of `DriverConnections.fetch_rows`."""
        try:  # not `_translating`: that takes longer than much of the driver's way
            return await self._driver.fetch_rows(statement, sets, all_of_one=all_of_one)
        except Exception as error:
            if (failure := self._translate(error)) is None:
                raise
            raise failure from error

    async def ping(self) -> None:
        """Check that PostgreSQL answers. Raises as `read`."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._driver.end()
        await self.watch.close()
        await self.engine.dispose()


class SyncDatabase(_Pooled):
    """Pooled connections by psycopg."""

    def __init__(self, settings: Settings, *, application_name: str) -> None:
        """Create the engine without connecting.

        Raises InvalidSettings if DATABASE_URL is not set.
        """
        super().__init__(settings)
        self.engine: Engine = create_engine(
            database_url(settings, "postgresql+psycopg"),
            connect_args=psycopg_arguments(settings, application_name),
            **{**pool_arguments(settings), "pool_pre_ping": False},
        )
        try_each_host(self.engine)
        self._lone = LoneStatements(self.engine)
        keep_prepared(self.engine)
        if settings.database_pre_ping:
            check_idle(self.engine)
        if settings.is_pooled:
            tell_times_in_utc(self.engine)
        self.commits: CommitRecorder | None = None
        """Records commits for replicas. None: there are no replicas."""
        if settings.database_replica_urls:
            from db.write_positions import (
                CommitRecorder as Recorder,
            )  # which imports Redis's client

            self.commits = Recorder.from_settings(settings)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection. Raises DatabaseBusy, DatabaseUnavailable, StatementTimeout."""
        with transaction_step(), self._translating(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection and commit at the end. Raises as `read`."""
        with self.read() as connection:
            yield connection
            recording = nullcontext() if self.commits is None else self.commits.of(connection)
            with recording, self._translating(is_committing=True):
                connection.commit()

    def write_alone(self, statement: Executable, values: Mapping[str, Any]) -> Any:
        """Commit a statement that returns rows; returns the first, or None. Raises as `read`."""
        if self.commits is not None:  # which looks before the commit
            with self.write() as connection:
                return connection.execute(statement, values).first()
        with transaction_step(), self._translating(is_committing=True):
            return self._lone.first(statement, values)

    def close(self) -> None:
        if self.commits is not None:
            self.commits.close()
        self.engine.dispose()


@cache
def _default_async() -> AsyncDatabase:
    return AsyncDatabase(load_settings(), application_name="pacegraph-get-db")


@cache
def _default_sync() -> SyncDatabase:
    return SyncDatabase(load_settings(), application_name="pacegraph-get-db-sync")


async def close_default_pools() -> None:
    """Close the process's pools, if they were created; the next use creates new ones.

    For an application that ends, or whose settings changed.
    """
    if _default_async.cache_info().currsize:
        await _default_async().close()
        _default_async.cache_clear()
    with _making:
        if _default_sync.cache_info().currsize:
            _default_sync().close()
            _default_sync.cache_clear()


async def get_db() -> AsyncIterator[AsyncSession]:
    """Yield a session of the process's pool, as a FastAPI dependency.

    The pool is created from the settings on first use. Nothing is committed but by the caller.
    """
    async with AsyncSession(_default_async().engine, expire_on_commit=False) as session:
        yield session


def sync_engine() -> Engine:
    """Return the engine of the process's pool, created from the settings on first use.

    For own sessions, tables or migrations. Raises InvalidSettings without DATABASE_URL.
    """
    with _making:  # concurrent threads must not create a pool each
        return _default_sync().engine


class _SyncSessions(sessionmaker[Session]):
    """Creates sessions of the process's pool, unless they are given another `bind`."""

    def __call__(self, **arguments: Any) -> Session:
        if self.kw["bind"] is None and "bind" not in arguments:
            arguments["bind"] = sync_engine()
        return super().__call__(**arguments)


sync_sessions = _SyncSessions(autoflush=False)
"""Create a session, for scripts and tasks: `with sync_sessions() as session:`, or close it.

Its pool is created from the settings on first use. Nothing is committed unless the caller commits,
and nothing is flushed before a commit or `flush()`.
"""


def get_db_sync() -> Iterator[Session]:
    """Yield a session of `sync_sessions`, and close it, as a FastAPI dependency."""
    with sync_sessions() as session:
        yield session
