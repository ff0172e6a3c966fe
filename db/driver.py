"""Statements in the driver's own form, on connections of SQLAlchemy's pool that stay checked out while they are busy.

Checking a connection out and in costs more than many a statement takes. Under load the same few connections serve one
statement after another; one that found nothing to do for a while goes back to the pool. They are fewer than the pool
has, so that everything else finds a connection too, and whoever finds none waits its turn.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_IDLE_S = 0.1
_SHARE = 0.6  # of the pool


@dataclass(eq=False, slots=True)
class _Lease:
    connection: AsyncConnection
    driver: Any
    until: float
    """When the connection is to be replaced (pool_recycle), by the monotonic clock."""
    idle_since: float = 0.0

    @property
    def was_idle(self) -> bool:
        """Whether it was used before: a fresh one was just tested by the pool."""
        return self.idle_since > 0


class _ConnectionEnded(Exception):  # noqa: N818 - says what is the case; never leaves this module
    """A connection that was kept had ended."""

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
    _idle: list[_Lease] = field(default_factory=list)
    _waiting: deque["asyncio.Future[_Lease | None]"] = field(default_factory=deque)
    _leased: int = 0
    _sweeper: asyncio.TimerHandle | None = None
    _known_loop: asyncio.AbstractEventLoop | None = None

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The event loop: to ask asyncio each time would cost a call of the system."""
        if self._known_loop is None:
            self._known_loop = asyncio.get_running_loop()
        return self._known_loop

    async def fetch_row(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Run a statement that only reads ($1, …) in a transaction of its own; returns the first row.

        A connection that PostgreSQL ended since its last use is replaced, once. Raises the driver's errors, and
        SQLAlchemy's TimeoutError when no connection came free in time.
        """
        try:
            return await self._fetch_row(await self._acquire(), statement, parameters)
        except _ConnectionEnded:
            await self.close()  # those that are idle have ended too
        try:
            return await self._fetch_row(await self._acquire(), statement, parameters)
        except _ConnectionEnded as error:
            raise error.reason from None

    async def _fetch_row(self, lease: _Lease, statement: str, parameters: Sequence[Any]) -> Any:
        try:
            row = await lease.driver.fetchrow(statement, *parameters)
        except BaseException as error:
            # Whatever happened, a connection in an unknown state serves nobody else.
            ended = lease.was_idle and lease.driver.is_closed() and isinstance(error, Exception)
            await self._discard(lease)
            if ended:
                raise _ConnectionEnded(error) from error
            raise
        self._release(lease)
        return row

    async def close(self) -> None:
        """Give all idle connections back."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        idle, self._idle = self._idle, []
        for lease in idle:
            self._leased -= 1
            await lease.connection.close()

    async def _acquire(self) -> _Lease:
        if self._idle:
            return self._idle.pop()
        if self._leased >= max(1, int(self.pool_size * _SHARE)):
            handed_over = await self._wait()
            if handed_over is not None:
                return handed_over
        self._leased += 1
        try:
            connection = await self.engine.connect()
            driver = (await connection.get_raw_connection()).driver_connection
        except BaseException:
            self._forget()
            raise
        return _Lease(connection, driver, monotonic() + self.recycle_s)

    async def _wait(self) -> _Lease | None:
        """Wait for a connection; None: there is room to open one."""
        turn: asyncio.Future[_Lease | None] = self._loop.create_future()
        self._waiting.append(turn)
        # asyncio.wait_for would cost more than the statement's own share of this process.
        alarm = self._loop.call_later(self.timeout_s, _give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self._pass_on(turn.result())
            raise
        finally:
            alarm.cancel()

    def _pass_on(self, turn: _Lease | None) -> None:
        """Give a turn that nobody takes to the next in line."""
        if turn is not None:
            self._release(turn)
        else:
            self._wake_next(None)

    def _wake_next(self, lease: _Lease | None) -> bool:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(lease)
                return True
        return False

    def _release(self, lease: _Lease) -> None:
        now = monotonic()
        if now >= lease.until:
            self._give_back(lease)
            return
        lease.idle_since = now
        if self._wake_next(lease):
            return
        self._idle.append(lease)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_IDLE_S, self._sweep)

    async def _discard(self, lease: _Lease) -> None:
        self._forget()
        await lease.connection.invalidate()
        await lease.connection.close()

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = monotonic() - _IDLE_S
        spent = [lease for lease in self._idle if lease.idle_since <= oldest]
        self._idle = [lease for lease in self._idle if lease.idle_since > oldest]
        for lease in spent:
            self._give_back(lease)
        if self._idle:
            self._sweeper = self._loop.call_later(_IDLE_S, self._sweep)

    def _give_back(self, lease: _Lease) -> None:
        task = self._loop.create_task(lease.connection.close())
        task.add_done_callback(lambda _: self._forget())

    def _forget(self) -> None:
        """Count a lease as gone, and let the next in line open another."""
        self._leased -= 1
        self._wake_next(None)


def _give_up(turn: "asyncio.Future[_Lease | None]") -> None:
    if not turn.done():
        turn.set_exception(PoolTimeout("no connection came free in time"))
