"""A fair queue: limits how many operations run at once, of one caller and of all heavy ones.

Callers that use little must not wait for callers that use much. So the queue measures the time that
each caller's operations take, with a half-life of a few seconds. While several callers are served,
those above half of the average share few slots, and the lightest of them is next. The others get a
slot at once. `test_who_asks_little_does_not_wait_for_those_who_ask_much` fails without this rule;
docs/decisions/0005-fair-queue.md has the figures.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from web.errors import HttpRefusal

_HALF_LIFE_S = 5.0
_COUNT_EVERY_S = 0.5
_ALWAYS_LIGHT_S = 0.05
_LIGHT_SHARE = 0.5
_CROWD_SHARE = 2
"""All heavy callers together have the slots of one caller, divided by this."""

T = TypeVar("T")


@dataclass(slots=True)
class Wait:
    """What one request has waited for its turns so far, in all queues: it has one bound of all.

    `is_counted`: it is among those that had to wait.
    """

    seconds: float = 0.0
    is_counted: bool = False

    async def during(self, awaitable: Awaitable[T]) -> T:
        """Await, and count for how long."""
        began_s = monotonic()
        try:
            return await awaitable
        finally:
            self.seconds += monotonic() - began_s


class TooManyOperations(HttpRefusal):
    """The caller has too many operations in progress, or one waited too long for its slot."""

    status, code = 429, "TOO_MANY_OPERATIONS"
    retry_after_s = 1

    def __init__(self, at_once: int) -> None:
        super().__init__(
            f"You have too many operations in progress. At most {at_once} run at once "
            "(CONCURRENT_OPERATIONS), fewer while the server is busy; too many others wait, or "
            "this one waited too long. Send fewer at once, or request more in one.",
            headers={"retry-after": str(self.retry_after_s)},
        )


@dataclass(slots=True)
class _CallerLoad:
    """A caller's slots in use, its waiting operations, and the recent seconds of its slots.

    `line` has the operations in the order in which their waits end, each with that time.
    """

    taken: int = 0
    spent_s: float = 0.0
    as_of: float = 0.0
    line: OrderedDict[asyncio.Future[bool], float] = field(default_factory=OrderedDict)

    def count(self, now: float) -> None:
        """Add the time since the last count."""
        self.spent_s += self.taken * (now - self.as_of)
        self.as_of = now


class FairQueue:
    """Gives each caller `at_once` slots, in the order of requests.

    Every slot that was acquired must be released:

        await queue.acquire(caller, wait, is_limited=True)
        try: ...
        finally: queue.release(caller)
    """

    def __init__(self, at_once: int, *, waiting: int, wait_s: float) -> None:
        self._at_once, self._most_waiting, self._wait_s = at_once, waiting, wait_s
        self._in_crowd = max(1, at_once // _CROWD_SHARE)
        self._loads: dict[object, _CallerLoad] = {}
        self._waiting: dict[object, _CallerLoad] = {}
        self._light_s = _ALWAYS_LIGHT_S
        self._counted_at = monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self.under_way = 0
        """How many operations have a slot now."""
        self.waited = 0
        """How many operations had to wait, since the process started."""
        self.refused = 0
        """How many were refused."""

    @property
    def waiting(self) -> int:
        """How many operations wait for a slot."""
        return sum(len(load.line) for load in self._waiting.values())

    def try_acquire(self, caller: object) -> bool:
        """Take a slot if one is free."""
        now = monotonic()
        if now - self._counted_at > _COUNT_EVERY_S:
            self._count(now)
        load = self._loads.get(caller)
        if load is None:
            load = self._loads[caller] = _CallerLoad()
        load.count(now)
        if not self._may_take(load):
            return False
        load.taken += 1
        self.under_way += 1
        return True

    async def acquire(self, caller: object, wait: Wait, *, is_limited: bool) -> None:
        """Take a slot: wait for one, or take it beyond all limits. Raises TooManyOperations."""
        if not await self.acquire_in_time(caller, wait, is_limited=is_limited):
            self.refused += 1
            raise TooManyOperations(self._at_once)

    async def acquire_in_time(self, caller: object, wait: Wait, *, is_limited: bool) -> bool:
        """Take a slot as `acquire` does. False: none came in what is left of a request's `wait`.

        That is not counted as refused: the request may go on in another way.
        """
        if self.try_acquire(caller):
            return True
        if not is_limited:
            self._give(self._loads[caller], monotonic())
            return True
        slot = self.line_up(caller, wait)
        return slot is not None and await wait.during(self._awaited(caller, slot))

    def line_up(self, caller: object, wait: Wait) -> "asyncio.Future[bool] | None":
        """Get what tells, in what is left of a request's `wait`, whether a slot came.

        For after `try_acquire` gave none. None: too many wait, or nothing is left.
        """
        load, left_s = self._loads[caller], self._wait_s - wait.seconds
        if left_s <= 0 or self._most_waiting <= len(load.line):
            return None
        if not wait.is_counted:
            wait.is_counted = True
            self.waited += 1
        loop = asyncio.get_running_loop()
        slot: asyncio.Future[bool] = loop.create_future()
        until = loop.time() + left_s
        _queue_up(load.line, slot, until)
        self._waiting[caller] = load
        if self._timer is None or until < self._timer.when():
            self._end_waits_at(until, loop)
        return slot

    def release_waiting(self) -> None:
        """Give a slot to every operation that waits."""
        now = monotonic()
        for load in self._waiting.values():
            for waiting in load.line:
                if not waiting.done():
                    self._give(load, now)
                    waiting.set_result(True)
            load.line.clear()
        self._waiting.clear()

    def release(self, caller: object) -> None:
        """Return a slot. It goes to the next operation that waits, if there is one."""
        load, now = self._loads[caller], monotonic()
        load.count(now)
        load.taken -= 1
        self.under_way -= 1
        if self._waiting:
            self._hand_on(now)

    def _may_take(self, load: _CallerLoad) -> bool:
        """Tell whether a caller may have one more slot now."""
        if load.taken >= self._at_once:
            return False
        return (
            self.under_way < self._in_crowd
            or load.spent_s <= self._light_s
            or len(self._loads) == 1
        )

    def _give(self, load: _CallerLoad, now: float) -> None:
        load.count(now)  # before it has one more
        load.taken += 1
        self.under_way += 1

    def _hand_on(self, now: float) -> None:
        """Give free slots to waiting operations, those of the lightest caller first."""
        while self._waiting:
            caller, load = min(self._waiting.items(), key=self._order)
            if load.taken >= self._at_once or not self._may_take(load):
                return
            first, _ = load.line.popitem(last=False)
            self._forget_empty(caller, load)
            if not first.done():  # else it gave up just now
                self._give(load, now)
                first.set_result(True)

    def _order(self, waiting: tuple[object, _CallerLoad]) -> tuple[bool, float]:
        """Order callers: those that may have another slot first, of these the lightest."""
        load = waiting[1]
        return load.taken >= self._at_once, load.spent_s

    def _count(self, now: float) -> None:
        """Let spent time decay, forget callers that spent next to none, and set the light level."""
        kept = 0.5 ** ((now - self._counted_at) / _HALF_LIFE_S)
        self._counted_at = now
        for caller, load in list(self._loads.items()):
            load.count(now)
            load.spent_s *= kept
            if load.spent_s < _ALWAYS_LIGHT_S and not load.taken and not load.line:
                del self._loads[caller]
        average_s = sum(load.spent_s for load in self._loads.values()) / max(1, len(self._loads))
        self._light_s = max(_ALWAYS_LIGHT_S, _LIGHT_SHARE * average_s)

    async def _awaited(self, caller: object, slot: "asyncio.Future[bool]") -> bool:
        """Wait for a slot; False if it did not come in time."""
        try:
            return await slot
        except BaseException:
            if slot.done() and not slot.cancelled() and slot.result():
                self.release(caller)  # the slot came just as the wait ended
            else:
                load = self._loads[caller]
                load.line.pop(slot, None)
                self._forget_empty(caller, load)
            raise

    def _end_waits(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the waits that took too long. One timer serves all."""
        self._timer, now = None, loop.time()
        for caller, load in list(self._waiting.items()):
            for slot, until in list(load.line.items()):
                if until > now:
                    break
                del load.line[slot]
                if not slot.done():
                    slot.set_result(False)
            self._forget_empty(caller, load)
        ends = [next(iter(load.line.values())) for load in self._waiting.values()]
        if ends:
            self._end_waits_at(min(ends), loop)

    def _end_waits_at(self, until: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(until, self._end_waits, loop, context=Context())

    def _forget_empty(self, caller: object, load: _CallerLoad) -> None:
        if not load.line:
            self._waiting.pop(caller, None)


def _queue_up(
    line: OrderedDict[asyncio.Future[bool], float], slot: asyncio.Future[bool], until: float
) -> None:
    """Let a slot wait behind those whose waits end before: who has waited before is not the last."""
    later = []
    for other in reversed(line):
        if line[other] <= until:
            break
        later.append(other)
    line[slot] = until
    for other in reversed(later):
        line.move_to_end(other)
