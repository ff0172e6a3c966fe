"""Turns: how many operations run at once in this process, of one caller and of all. The others wait in line.

Who asks little is not to wait for those who ask much. So it is counted how long each caller's operations took lately,
and while several callers are served, those who took more than half of the average share a few turns, the one who took
least being next. The others take theirs at once.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic

from web.errors import HttpRefusal

_HALF_LIFE_S = 5.0
_COUNT_EVERY_S = 0.5
_ALWAYS_LIGHT_S = 0.05
_LIGHT_SHARE = 0.5
_CROWD_SHARE = 2
"""A crowd has the turns of one caller, divided by this."""


class TooManyOperations(HttpRefusal):
    """The caller has too many operations under way, or one waited for its turn for too long."""

    status, code = 429, "TOO_MANY_OPERATIONS"
    retry_after_s = 1

    def __init__(self, at_once: int) -> None:
        super().__init__(
            f"You have more operations under way than can be served: {at_once} run at once (CONCURRENT_OPERATIONS), "
            "fewer while many ask for much, and those that wait are too many, or waited too long. Send fewer at once, "
            "or ask for more in one.",
            headers={"retry-after": str(self.retry_after_s)},
        )


@dataclass(slots=True)
class _Use:
    """What a caller has: turns, a line of those that wait, and the seconds that its turns took lately."""

    taken: int = 0
    spent_s: float = 0.0
    as_of: float = 0.0
    line: OrderedDict[asyncio.Future[None], None] = field(default_factory=OrderedDict)

    def count(self, now: float) -> None:
        """Add the time since the last look."""
        self.spent_s += self.taken * (now - self.as_of)
        self.as_of = now


class Turns:
    """Hands out turns: `at_once` for each caller, in the order of asking.

    Whoever took one gives it back, whatever happens:

        if not turns.try_take(caller):
            await turns.take(caller)
        try: ...
        finally: turns.give_back(caller)
    """

    def __init__(self, at_once: int, *, waiting: int, wait_s: float) -> None:
        self._at_once, self._most_waiting, self._wait_s = at_once, waiting, wait_s
        self._in_crowd = max(1, at_once // _CROWD_SHARE)
        self._uses: dict[object, _Use] = {}
        self._waiting: dict[object, _Use] = {}
        self._light_s = _ALWAYS_LIGHT_S
        self._counted_at = monotonic()
        self.under_way = 0
        """How many operations have a turn now."""
        self.waited = 0
        """How many operations had to wait, since the process started."""
        self.refused = 0
        """How many were refused."""

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(len(use.line) for use in self._waiting.values())

    def try_take(self, caller: object) -> bool:
        """Take a turn if one is free."""
        now = monotonic()
        if now - self._counted_at > _COUNT_EVERY_S:
            self._count(now)
        use = self._uses.get(caller)
        if use is None:
            use = self._uses[caller] = _Use()
        use.count(now)
        if not self._may_take(use):
            return False
        self._give(use, now)
        return True

    async def take(self, caller: object) -> None:
        """Take a turn, waiting for it if need be. Raises TooManyOperations."""
        if self.try_take(caller):
            return
        use = self._uses[caller]
        if self._most_waiting <= len(use.line):
            self.refused += 1
            raise TooManyOperations(self._at_once)
        self.waited += 1
        await self._wait(caller, use)

    def take_at_once(self, caller: object) -> None:
        """Take a turn, however many there are: the caller is not limited."""
        if not self.try_take(caller):
            self._give(self._uses[caller], monotonic())

    def let_all_go(self) -> None:
        """Give a turn to everybody who waits for one."""
        now = monotonic()
        for use in self._waiting.values():
            for waiting in use.line:
                if not waiting.done():
                    self._give(use, now)
                    waiting.set_result(None)
            use.line.clear()
        self._waiting.clear()

    def give_back(self, caller: object) -> None:
        """End a turn: the first in line has it, if anybody waits."""
        use, now = self._uses[caller], monotonic()
        use.count(now)
        use.taken -= 1
        self.under_way -= 1
        if self._waiting:
            self._hand_on(now)

    def _may_take(self, use: _Use) -> bool:
        """Tell whether a caller may have one more now."""
        if use.taken >= self._at_once:
            return False
        return self.under_way < self._in_crowd or use.spent_s <= self._light_s or len(self._uses) == 1

    def _give(self, use: _Use, now: float) -> None:
        use.count(now)  # before it has more turns
        use.taken += 1
        self.under_way += 1

    def _hand_on(self, now: float) -> None:
        """Give free turns to those who wait, the caller who took least lately first."""
        while ready := [(use.spent_s, caller) for caller, use in self._waiting.items() if use.taken < self._at_once]:
            caller = min(ready, key=_spent)[1]
            use = self._waiting[caller]
            if not self._may_take(use):
                return
            first, _ = use.line.popitem(last=False)
            self._forget_empty(caller, use)
            if not first.done():  # else it gave up in this very moment
                self._give(use, now)
                first.set_result(None)

    def _count(self, now: float) -> None:
        """Let what was spent count for less as time passes, forget those who hardly spent, and tell who is light."""
        kept = 0.5 ** ((now - self._counted_at) / _HALF_LIFE_S)
        self._counted_at = now
        for caller, use in list(self._uses.items()):
            use.count(now)
            use.spent_s *= kept
            if use.spent_s < _ALWAYS_LIGHT_S and not use.taken and not use.line:
                del self._uses[caller]
        average_s = sum(use.spent_s for use in self._uses.values()) / max(1, len(self._uses))
        self._light_s = max(_ALWAYS_LIGHT_S, _LIGHT_SHARE * average_s)

    async def _wait(self, caller: object, use: _Use) -> None:
        turn = asyncio.get_running_loop().create_future()
        use.line[turn] = None
        self._waiting[caller] = use
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(caller)  # it came in the same moment as the end of waiting
            else:
                use.line.pop(turn, None)
                self._forget_empty(caller, use)
            if isinstance(error, TimeoutError):
                self.refused += 1
                raise TooManyOperations(self._at_once) from None
            raise

    def _forget_empty(self, caller: object, use: _Use) -> None:
        if not use.line:
            self._waiting.pop(caller, None)


def _spent(ready: tuple[float, object]) -> float:
    return ready[0]
