"""Fetches of a caller's queries that come together share a round trip, and equal ones a run.

While the statement of a plan is under way, the caller's next requests with that plan wait for its
end, and go together, each with values of its own. What is asked for several times meanwhile is
fetched once. A run begins after all of its requests came, so no answer is older than one that is
not shared. Callers share nothing: none waits for what another asks.

Nobody waits long: what takes PostgreSQL long goes at once, and so do those that are many. Those
that go together with one that takes long are fetched again, each alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from db.errors import DatabaseBusy, DatabaseUnavailable
from db.session import AsyncDatabase
from graph.cache.entry import Answer
from graph.plan.plan import QueryPlan
from runtime.time_limit import TimeLimit
from runtime.work_meter import DATABASE_WORK, WorkMeter

_TOGETHER_MS = 2.0
"""For how long PostgreSQL works, about, for those that go together."""
_MOST_TOGETHER = 32
_LEAST_MS = 0.01
_MOST_WAIT_S = 0.02
"""Seconds for which a request waits for others' run to end: that may wait for a lock."""
_MOST_SHARED_S = 0.5
"""Seconds after which a shared round trip is given up. A busy machine is to reach it seldom."""
_LONG_MS = 50.0
_ALONE_S, _MOST_ALONE_S = 0.3, 10.0
"""Seconds for which a plan's runs share no round trip after one that took long or failed: PostgreSQL
may have paused once. They double, up to the most, while the next one follows within that most.
"""
_FAILS_ALIKE = (DatabaseBusy, DatabaseUnavailable)
"""What a run does not fail with for the values of another."""


class Fetched(NamedTuple):
    """The answers of a run, by the columns of its statement, or the error that it failed with.

    The milliseconds are a request's share of what it took: PostgreSQL, of that CPU (None: not
    known), and this process.
    """

    answers: Sequence[Answer]
    ms: float
    cpu_ms: float | None
    own_ms: float
    error: Exception | None = None

    def add_to(self, work: WorkMeter) -> None:
        """Add the share to a request's meter."""
        work.add(self.ms, self.cpu_ms)
        work.add_own(self.own_ms)
        work.has_asked = work.has_asked or self.error is None


Listener = Callable[[Fetched], None]


class SharedRequest(NamedTuple):
    """What a caller asks for. Equal requests of it have the same values."""

    request: Hashable
    values: Sequence[Any]
    listener: Listener


@dataclass(eq=False, slots=True)
class _Run:
    """A run of a plan's statement: its values, its requests, and what it took so far."""

    values: Sequence[Any]
    listeners: list[Listener] = field(default_factory=list)
    work: WorkMeter = field(default_factory=WorkMeter)


@dataclass(eq=False, slots=True)
class _Fetches:
    """Those of one plan for one caller. Runs are by the request that they answer.

    `starting` tasks have not looked yet at what waits; `alone` waiting runs answer requests that
    none under way answers.
    """

    plan: QueryPlan
    key: object
    waiting: dict[Hashable, _Run] = field(default_factory=dict)
    running: set[Hashable] = field(default_factory=set)
    tasks: int = 0
    starting: int = 0
    alone: int = 0
    timer: asyncio.TimerHandle | None = None

    @property
    def most(self) -> int:
        """How many runs go together."""
        if monotonic() < self.plan.alone_until_s:
            return 1
        each_ms = max(self.plan.recent_ms, _LEAST_MS)
        return max(1, min(_MOST_TOGETHER, int(_TOGETHER_MS / each_ms)))

    def join(self, asked: SharedRequest) -> None:
        """Add a request to the run that answers it next."""
        run = self.waiting.get(asked.request)
        if run is None:
            run = self.waiting[asked.request] = _Run(asked.values)
            self.alone += asked.request not in self.running
        run.listeners.append(asked.listener)

    @property
    def is_due(self) -> bool:
        """Whether one more task is to fetch what waits."""
        return not self.tasks or self.alone >= self.most * (self.starting + 1)

    def take(self) -> dict[Hashable, _Run]:
        """Take those that go together next."""
        if len(self.waiting) <= (most := self.most):
            taken, self.waiting = self.waiting, {}
        else:
            taken = {each: self.waiting.pop(each) for each in list(self.waiting)[:most]}
        self.running.update(taken)
        self.alone = len(self.waiting.keys() - self.running)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        return taken


class SharedFetches:
    """The fetches of one process, each run at most `timeout_s` seconds long."""

    def __init__(self, database: AsyncDatabase, timeout_s: float) -> None:
        self._database, self._limit = database, TimeLimit(timeout_s)
        self._shared_limit = TimeLimit(min(timeout_s, _MOST_SHARED_S))
        self._of: dict[object, _Fetches] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # kept, as asyncio makes a system call to tell it
        self._loop: asyncio.AbstractEventLoop | None = None
        self.runs = 0
        """How many runs there were, since the process started."""
        self.round_trips = 0

    @property
    def under_way(self) -> int:
        """For how many plans and callers something is fetched now."""
        return len(self._of)

    def join(self, plan: QueryPlan, caller: str, asked: SharedRequest) -> None:
        """Fetch an answer by a plan, and call its listener in a later turn of the loop.

        Only what has the same `caller` shares anything.
        """
        fetches = self._of.get((plan, caller))
        if fetches is None:
            key = (plan, caller)
            fetches = self._of[key] = _Fetches(plan, key)
        fetches.join(asked)
        if fetches.is_due:
            self._begin(fetches)
        else:
            self._bound_wait(fetches)

    def _bound_wait(self, fetches: _Fetches) -> None:
        """Let those that wait go when that takes too long."""
        if fetches.waiting and fetches.timer is None and not fetches.starting:
            assert self._loop is not None
            fetches.timer = self._loop.call_later(
                _MOST_WAIT_S, self._begin, fetches, context=Context()
            )

    def _begin(self, fetches: _Fetches) -> None:
        """Fetch what waits from the next turn on: what comes in this one goes together."""
        fetches.timer = None
        fetches.tasks += 1
        fetches.starting += 1
        self._start(self._fetch_on(fetches))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        loop = self._loop = self._loop or asyncio.get_running_loop()
        task = loop.create_task(work, context=Context())  # it belongs to no single request
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch_on(self, fetches: _Fetches) -> None:
        """Fetch until nobody waits."""
        fetches.starting -= 1
        while fetches.waiting:
            taken = fetches.take()
            self._bound_wait(fetches)
            await self._fetch(fetches.plan, list(taken.values()))
            fetches.running.difference_update(taken)
        fetches.tasks -= 1
        if not fetches.tasks and self._of.get(fetches.key) is fetches:
            del self._of[fetches.key]

    async def _fetch(self, plan: QueryPlan, runs: Sequence[_Run]) -> None:
        """Fetch some runs together, and tell their requests."""
        assert plan.statement is not None
        meter = WorkMeter()
        DATABASE_WORK.set(meter)
        self.round_trips += 1
        self.runs += len(runs)
        limit = self._limit if len(runs) == 1 else self._shared_limit
        try:
            rows = await limit.run(self._rows(plan, [each.values for each in runs]))
            found = list(zip(runs, rows, strict=True))
            whole_ms, before_ms = 1000 * rows[-1][-1].total_seconds(), 0.0
        except Exception as error:  # noqa: BLE001 - it is told to the requests
            self._fail(plan, runs, meter, error)
            return
        for run, row in found:
            *values, until = row
            took_ms = max(0.0, 1000 * until.total_seconds() - before_ms)
            before_ms += took_ms
            share = took_ms / whole_ms if whole_ms > 0 else 1 / len(runs)
            run.work.waited_ms = share * meter.waited_ms
            run.work.cpu_ms = None if meter.cpu_ms is None else share * meter.cpu_ms
            self._tell_of(plan, run, values, took_ms)

    def _rows(
        self, plan: QueryPlan, sets: Sequence[Sequence[Any]]
    ) -> Awaitable[Sequence[Sequence[Any]]]:
        """Fetch the row of each set of values: by one statement for all, or by a run for each."""
        assert plan.statement is not None
        if len(sets) > 1 and (many := plan.of_many) is not None:
            values = many.values(sets)
            if values is not None:
                return self._rows_of_many(many.text, values, len(sets))
        return self._database.fetch_rows_once(plan.statement.text, sets)

    async def _rows_of_many(
        self, text: str, values: Sequence[Any], sets: int
    ) -> Sequence[Sequence[Any]]:
        rows = await self._database.fetch_rows_once(text, (values,), all_of_one=True)
        of_set = {number: row for *row, number in rows}
        return [of_set[number] for number in range(1, sets + 1)]

    def _fail(
        self, plan: QueryPlan, runs: Sequence[_Run], meter: WorkMeter, error: Exception
    ) -> None:
        """Tell of runs that failed, or fetch each alone: the others may not fail."""
        share_ms = meter.take() / len(runs)
        for each in runs:
            each.work.add(share_ms)
        if len(runs) == 1 or isinstance(error, _FAILS_ALIKE):
            for each in runs:
                self._tell(each, (), error)
            return
        _go_alone(plan)
        for each in runs:
            self._start(self._fetch(plan, (each,)))

    def _tell_of(self, plan: QueryPlan, run: _Run, values: Sequence[Any], took_ms: float) -> None:
        """Write a run's answers, once for all of its requests."""
        answers: Sequence[Answer] = ()
        failure = None
        if took_ms - run.work.waited_ms > _LONG_MS:
            _go_alone(plan)
        try:
            texts = plan.texts(values, took_ms, run.work)
            answers = [Answer(each.text.encode(), counted=each.objects) for each in texts]
        except Exception as error:  # noqa: BLE001 - it is told to the requests
            failure = error
        self._tell(run, answers, failure)

    def _tell(self, run: _Run, answers: Sequence[Answer], error: Exception | None) -> None:
        """Call the listeners, each in a callback of its own, after the next runs have begun."""
        assert self._loop is not None
        work, sharers = run.work, len(run.listeners)
        ms, idle_ms, own_ms = (
            each / sharers for each in (work.take(), work.take_idle(), work.take_own())
        )
        cpu_ms = ms - idle_ms if work.knows_cpu else None
        fetched = Fetched(answers, ms, cpu_ms, own_ms, error)
        for each in run.listeners:
            self._loop.call_soon(each, fetched, context=Context())


def _go_alone(plan: QueryPlan) -> None:
    """Let a plan's runs share no round trip for a while."""
    now_s = monotonic()
    if now_s >= plan.alone_until_s:  # those that end meanwhile may have met the same pause
        follows = now_s < plan.alone_until_s + _MOST_ALONE_S
        plan.alone_s = min(2 * plan.alone_s, _MOST_ALONE_S) if follows else _ALONE_S
    plan.alone_until_s = now_s + plan.alone_s
