"""Single reads in the driver's own form, on pooled connections that stay checked out while busy.

Checking a connection out of SQLAlchemy's pool and in again costs more than many statements. Under
load the same few connections run one statement after another; a connection that is idle for a while
goes back to the pool. At most a share of the pool is used, so other work still finds connections. A
caller waits when all of them are busy. The share exceeds what one caller may use (half the pool).
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.backend_cpu import BackendClock, clock_of
from db.driver_errors import is_out_of_step
from db.new_connections import Uncharged, uncharged_of
from db.statement_watch import BackendKey, StatementWatch
from runtime.work_meter import DATABASE_WORK, begin_statement

_IDLE_S = 0.1
_SHARE = 0.6  # of the pool, overflow included
_END_S = 1.0
"""Seconds for which connections in use are waited for at the end."""


@dataclass(eq=False, slots=True)
class _PooledConnection:
    connection: AsyncConnection
    driver: Any
    key: BackendKey
    clock: BackendClock
    uncharged: Uncharged
    until: float
    """Monotonic time at which the connection is replaced (pool_recycle)."""
    idle_since: float = 0.0

    @property
    def was_idle(self) -> bool:
        """Whether the connection was used before; the pool has just tested a fresh one."""
        return self.idle_since > 0


class _ConnectionEnded(Exception):
    """A connection that was kept open had ended."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__()
        self.reason = reason


@dataclass(eq=False)
class DriverConnections:
    """Connections of one engine, in one event loop."""

    engine: AsyncEngine
    pool_size: int
    timeout_s: float
    recycle_s: float
    watch: StatementWatch
    _idle: list[_PooledConnection] = field(default_factory=list)
    _waiting: deque["asyncio.Future[_PooledConnection | None]"] = field(default_factory=deque)
    _checked_out: int = 0
    _sweeper: asyncio.TimerHandle | None = None
    _returning: set["asyncio.Task[None]"] = field(default_factory=set)
    _all_returned: "asyncio.Future[None] | None" = None
    _known_loop: asyncio.AbstractEventLoop | None = None

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, cached because asyncio makes a system call for each lookup."""
        if self._known_loop is None:
            self._known_loop = asyncio.get_running_loop()
        return self._known_loop

    async def fetch_rows(
        self, statement: str, sets: Sequence[Sequence[Any]], *, all_of_one: bool = False
    ) -> Sequence[Any]:
        """Run a statement that only reads with each of some sets of parameters, in one round trip.

        Returns the first row of each run; if there are several, each must return one row. All rows
        of the only run with `all_of_one`. Parameters are written $1, $2, … A connection that
        PostgreSQL ended since its last use is replaced once. Raises the driver's errors, and
        SQLAlchemy's TimeoutError if no connection is free in time.
        """
        pooled = self._idle.pop() if self._idle else await self._acquire()
        try:
            return await self._fetch_rows(pooled, statement, sets, all_of_one)
        except _ConnectionEnded:
            await self.close()  # the idle ones have probably ended too
        try:
            return await self._fetch_rows(await self._acquire(), statement, sets, all_of_one)
        except _ConnectionEnded as error:
            raise error.reason from None

    async def _fetch_rows(
        self,
        pooled: _PooledConnection,
        statement: str,
        sets: Sequence[Sequence[Any]],
        all_of_one: bool,  # noqa: FBT001 - as `fetch_rows` was given it
    ) -> Sequence[Any]:
        self.watch.begin(pooled.key)
        meter = DATABASE_WORK.get()
        began_s, before_ms = monotonic(), None if meter is None else pooled.clock.ms()
        run = begin_statement(statement, sets[0])
        rows: Sequence[Any]
        try:
            if all_of_one:
                rows = await pooled.driver.fetch(statement, *sets[0])
            elif len(sets) == 1:
                rows = [await pooled.driver.fetchrow(statement, *sets[0])]
            else:
                rows = await pooled.driver.fetchmany(statement, sets)
        except BaseException as error:
            _add_work(monotonic() - began_s - self.watch.end(pooled.key))
            # A connection in an unknown state must not be reused.
            ended = (
                pooled.was_idle
                and (pooled.driver.is_closed() or is_out_of_step(error))
                and isinstance(error, Exception)
            )
            await self._discard(pooled)
            if ended:
                raise _ConnectionEnded(error) from error
            raise
        finally:
            if run is not None:
                run.end()
        waited_s = self.watch.end(pooled.key)
        if meter is not None:
            meter.waited_ms, meter.cpu_ms = 1000 * waited_s, pooled.clock.since(before_ms)
            if meter.cpu_ms is None:
                meter.waited_ms += pooled.uncharged.take(1000 * (monotonic() - began_s))
        self._release(pooled)
        return rows

    async def close(self) -> None:
        """Return all idle connections to the pool. They are returned even if this is cancelled."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        idle, self._idle = self._idle, []
        for pooled in idle:
            self._return_to_pool(pooled)
        if self._returning:
            await asyncio.wait(self._returning)

    async def end(self) -> None:
        """Return all connections to the pool, those in use too as they come free.

        A read that ends after its caller's loop would leave its connection to the garbage
        collector. Reads that take longer are not waited for.
        """
        self._all_returned = self._loop.create_future()
        await self.close()
        if self._checked_out:
            await asyncio.wait([self._all_returned], timeout=_END_S)

    async def _acquire(self) -> _PooledConnection:
        if self._idle:
            return self._idle.pop()
        if self._checked_out >= max(1, int(self.pool_size * _SHARE)):
            handed_over = await self._wait()
            if handed_over is not None:
                return handed_over
        self._checked_out += 1
        try:
            connection = await self.engine.connect()
            driver: Any = (await connection.get_raw_connection()).driver_connection
        except BaseException:
            self._free_place()
            raise
        until = monotonic() + self.recycle_s
        key, clock = self.watch.key_of(driver), clock_of(connection)
        return _PooledConnection(connection, driver, key, clock, uncharged_of(connection), until)

    async def _wait(self) -> _PooledConnection | None:
        """Wait for a connection; None means that there is room to open one."""
        turn: asyncio.Future[_PooledConnection | None] = self._loop.create_future()
        self._waiting.append(turn)
        # asyncio.wait_for would cost more than the statement's own share of this process.
        alarm = self._loop.call_later(self.timeout_s, _time_out, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self._pass_on(turn.result())
            raise
        finally:
            alarm.cancel()

    def _pass_on(self, turn: _PooledConnection | None) -> None:
        """Give an unused turn to the next caller in the queue."""
        if turn is not None:
            self._release(turn)
        else:
            self._wake_next(None)

    def _wake_next(self, pooled: _PooledConnection | None) -> bool:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(pooled)
                return True
        return False

    def _release(self, pooled: _PooledConnection) -> None:
        now = monotonic()
        if now >= pooled.until:
            self._return_to_pool(pooled)
            return
        pooled.idle_since = now
        if self._wake_next(pooled):
            return
        if self._all_returned is not None:
            self._return_to_pool(pooled)
            return
        self._idle.append(pooled)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_IDLE_S, self._sweep)

    async def _discard(self, pooled: _PooledConnection) -> None:
        """End a connection, even if this is cancelled."""
        self._free_place()
        await asyncio.wait([self._begin_return(_discarded(pooled.connection))])

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = monotonic() - _IDLE_S
        spent = [pooled for pooled in self._idle if pooled.idle_since <= oldest]
        self._idle = [pooled for pooled in self._idle if pooled.idle_since > oldest]
        for pooled in spent:
            self._return_to_pool(pooled)
        if self._idle:
            self._sweeper = self._loop.call_later(_IDLE_S, self._sweep)

    def _return_to_pool(self, pooled: _PooledConnection) -> None:
        task = self._begin_return(pooled.connection.close())
        task.add_done_callback(lambda _: self._free_place())

    def _begin_return(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Return a connection in a task of its own, which no caller's end cancels."""
        task = self._loop.create_task(work)
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)
        return task

    def _free_place(self) -> None:
        """Count a connection as returned, and let the next caller open another."""
        self._checked_out -= 1
        self._wake_next(None)
        if self._all_returned and not (self._checked_out or self._all_returned.done()):
            self._all_returned.set_result(None)


async def _discarded(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


def _time_out(turn: "asyncio.Future[_PooledConnection | None]") -> None:
    if not turn.done():
        turn.set_exception(PoolTimeout("no connection came free in time"))


def _add_work(seconds: float) -> None:
    """Count work for the operation under way."""
    if (meter := DATABASE_WORK.get()) is not None:
        meter.add(1000 * seconds)
