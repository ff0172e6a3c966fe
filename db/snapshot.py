"""Statements that all see the data of one moment."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from db.backend_cpu import BackendClock
from db.statement_watch import StatementWatch
from runtime.work_meter import DATABASE_WORK, WorkMeter, begin_statement


class RowReader(Protocol):
    """What a statement of one row can be read from."""

    async def fetch_row(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Run a statement in the driver's own form; its last column tells how long it took.

        Raises DatabaseError.
        """


@dataclass(eq=False, slots=True)
class Snapshot:
    """Reads in one transaction."""

    driver: Any
    clock: BackendClock
    watch: StatementWatch
    translating: Callable[[], AbstractContextManager[None]]
    check_work: Callable[[WorkMeter], None]

    async def fetch_row(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Run a statement, as RowReader does. It is not retried: the snapshot would be lost.

        The time that an operation may work is that of all its statements.
        """
        meter = DATABASE_WORK.get()
        if meter is not None:
            self.check_work(meter)
        key, sent_s = self.watch.key_of(self.driver), monotonic()
        before_ms = self.clock.ms()
        self.watch.begin(key)
        run = begin_statement(statement, parameters)
        try:
            with self.translating():
                row = await self.driver.fetchrow(statement, *parameters)
        except BaseException:
            waited_s = self.watch.end(key)
            if meter is not None:
                meter.add(1000 * (monotonic() - sent_s - waited_s))
            raise
        finally:
            if run is not None:
                run.end()
        waited_s = self.watch.end(key)
        if meter is not None:
            meter.waited_ms, meter.cpu_ms = 1000 * waited_s, self.clock.since(before_ms)
        return row
