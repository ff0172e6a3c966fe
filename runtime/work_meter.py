"""How long an operation's work took, elsewhere and here, gathered from all places that do it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import Any

from runtime.ran_statements import RanStatements, RunOfStatement


@dataclass(slots=True)
class Timed:
    """Milliseconds of a block's own work: 0 until it ends. Others may add to the meter meanwhile."""

    ms: float = 0.0


class WorkMeter:
    """Milliseconds of work, gathered until they are taken."""

    __slots__ = (
        "_idle_ms",
        "_ms",
        "_own_ms",
        "_paused",
        "_transactions",
        "cpu_ms",
        "has_asked",
        "knows_cpu",
        "statements",
        "total_ms",
        "waited_ms",
    )

    def __init__(self) -> None:
        self._ms, self._paused, self._transactions, self._idle_ms = 0.0, 0.0, 0, 0.0
        self._own_ms = 0.0
        self.total_ms = 0.0
        """All milliseconds since the start or `restart`, taken or not; CPU alone where it is known."""
        self.waited_ms = 0.0
        """For how long the last single statement waited, if it took long."""
        self.cpu_ms: float | None = None
        """How much CPU the last single statement took. None: not known."""
        self.knows_cpu = False
        """Whether work was added whose CPU is known."""
        self.has_asked = False
        """Whether the operation began a statement or transaction of its own."""
        self.statements: RanStatements | None = None
        """What the operation ran, where that is noted (SLOW_OPERATION_MS)."""

    def add(self, milliseconds: float, cpu_ms: float | None = None) -> None:
        """Add work. `cpu_ms` is how much CPU it took at most; None: not known."""
        self._ms += milliseconds
        self.total_ms += milliseconds
        if cpu_ms is not None:
            self.add_idle(milliseconds - cpu_ms)
            self.knows_cpu = True

    def add_idle(self, milliseconds: float) -> None:
        """Add milliseconds of the work that took no CPU, such as waiting for a core."""
        idle_ms = max(0.0, milliseconds)
        self._idle_ms += idle_ms
        self.total_ms -= idle_ms

    def add_of(self, other: "WorkMeter") -> None:
        """Add what another gathered since the last time."""
        self.add(other.take())
        self.add_idle(other.take_idle())
        self.add_own(other.take_own())
        self.knows_cpu = self.knows_cpu or other.knows_cpu

    def take(self) -> float:
        """Get the milliseconds since the last time."""
        taken, self._ms = self._ms, 0.0
        return taken

    def take_idle(self) -> float:
        """Get how many milliseconds took no CPU since the last time, as far as that is known."""
        taken, self._idle_ms = self._idle_ms, 0.0
        return taken

    def add_own(self, milliseconds: float) -> None:
        """Add CPU that this process took for the operation. It is no work elsewhere."""
        self._own_ms += milliseconds

    def take_own(self) -> float:
        """Get the milliseconds of this process's CPU since the last time."""
        taken, self._own_ms = self._own_ms, 0.0
        return taken

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Add the CPU of a block that does not wait, in the thread in which it runs."""
        began_s = thread_time()
        try:
            yield
        finally:
            self.add_own(1000 * (thread_time() - began_s))

    def count_transaction(self) -> None:
        self._transactions += 1
        self.has_asked = True

    def take_transactions(self) -> int:
        """Get the number of transactions since the last time."""
        taken, self._transactions = self._transactions, 0
        return taken

    def restart(self) -> None:
        """Begin a new total."""
        self.total_ms = 0.0

    @contextmanager
    def timing(self, timed: Timed, free_ms: float = 0.0) -> Iterator[None]:
        """Add the time that the block takes beyond `free_ms`, without its `waiting` parts, and tell it.

        While this thread is busy, with anything, the block waits for this thread, not for what
        works. So the thread's own time is no part of it either.
        """
        began, paused = _waited_s(), self._paused
        try:
            yield
        finally:
            took_s = _waited_s() - began - (self._paused - paused)
            timed.ms = max(0.0, 1000 * took_s - free_ms)
            self.add(timed.ms)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave the time that the block takes out of the `timing` around it."""
        began = _waited_s()
        try:
            yield
        finally:
            self._paused += _waited_s() - began


def _waited_s() -> float:
    """Seconds, from any moment on, in which this thread had nothing to do or no core to do it on."""
    return perf_counter() - thread_time()


DATABASE_WORK: ContextVar[WorkMeter | None] = ContextVar("database_work", default=None)
"""The meter of the operation under way, for its time on connections of the database."""


def begin_statement(text: str, values: Sequence[Any]) -> RunOfStatement | None:
    """Note that the operation under way runs a statement. None: nobody wants to know."""
    meter = DATABASE_WORK.get()
    if meter is None or meter.statements is None:
        return None
    return meter.statements.begin(text, values)


@contextmanager
def waiting_for_lock() -> Iterator[None]:
    """Do not count the block as work: it waits for what another transaction holds."""
    meter = DATABASE_WORK.get()
    if meter is None:
        yield
        return
    with meter.waiting():
        yield
