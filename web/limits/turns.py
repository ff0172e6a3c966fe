"""Turns: how many operations of one caller run at once in this process. The others wait in line."""

import asyncio
from collections import OrderedDict

from web.errors import HttpRefusal


class TooManyOperations(HttpRefusal):
    """The caller has too many operations under way, or one waited for its turn for too long."""

    status, code = 429, "TOO_MANY_OPERATIONS"
    retry_after_s = 1

    def __init__(self, at_once: int) -> None:
        super().__init__(
            f"You have more operations under way than can be served: {at_once} run at once (CONCURRENT_OPERATIONS), "
            "and those that wait are too many, or waited too long. Send fewer at once, or ask for more in one.",
            headers={"retry-after": str(self.retry_after_s)},
        )


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
        self._taken: dict[object, int] = {}
        self._lines: dict[object, OrderedDict[asyncio.Future[None], None]] = {}
        self.waited = 0
        """How many operations had to wait, since the process started."""
        self.refused = 0
        """How many were refused."""

    @property
    def under_way(self) -> int:
        """How many operations have a turn now."""
        return sum(self._taken.values())

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return sum(map(len, self._lines.values()))

    def try_take(self, caller: object) -> bool:
        """Take a turn if one is free."""
        taken = self._taken.get(caller, 0)
        if taken >= self._at_once:
            return False
        self._taken[caller] = taken + 1
        return True

    async def take(self, caller: object) -> None:
        """Take a turn, waiting for it if need be. Raises TooManyOperations."""
        if self.try_take(caller):
            return
        line = self._lines.get(caller)
        if self._most_waiting <= (len(line) if line else 0):
            self.refused += 1
            raise TooManyOperations(self._at_once)
        self.waited += 1
        await self._wait(caller)

    def give_back(self, caller: object) -> None:
        """End a turn: the first in line has it, if anybody waits."""
        line = self._lines.get(caller)
        while line:
            first, _ = line.popitem(last=False)
            self._forget_empty(caller, line)
            if not first.done():  # else it gave up in this very moment
                first.set_result(None)
                return
        if self._taken[caller] > 1:
            self._taken[caller] -= 1
        else:
            del self._taken[caller]

    async def _wait(self, caller: object) -> None:
        line = self._lines.setdefault(caller, OrderedDict())
        turn = asyncio.get_running_loop().create_future()
        line[turn] = None
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(caller)  # it came in the same moment as the end of waiting
            else:
                line.pop(turn, None)
                self._forget_empty(caller, line)
            if isinstance(error, TimeoutError):
                self.refused += 1
                raise TooManyOperations(self._at_once) from None
            raise

    def _forget_empty(self, caller: object, line: OrderedDict[asyncio.Future[None], None]) -> None:
        if not line and self._lines.get(caller) is line:
            del self._lines[caller]
