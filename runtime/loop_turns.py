"""Turns of the event loop: work that takes long lets others have it now and then."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic

_TURN_S = 0.005
_WOKEN_AT_ONCE = 32
_PATIENCE = 8
"""Iterations in which nothing happens, after which nothing more of divided work is on its way.

What was completed passes its lists and objects, of which each takes an iteration, on its way to the
next load: a connection, its edges and their nodes, and what is started with them.
"""


class EndOfPart:
    """Whether a part of an operation was cancelled: what is under way ends, and begins nothing more.

    `around` is that of the part around it.
    """

    __slots__ = ("_around", "_has_begun")

    def __init__(self, around: "EndOfPart | None") -> None:
        self._around, self._has_begun = around, False

    def begin(self) -> None:
        self._has_begun = True

    @property
    def has_begun(self) -> bool:
        return self._has_begun or (self._around is not None and self._around.has_begun)


END_OF_PART: ContextVar[EndOfPart | None] = ContextVar("ending", default=None)
"""That of the part which the work under way belongs to."""


class LoopTurns:
    """The turns of one operation, all of whose tasks share them."""

    __slots__ = ("_at_rest", "_began", "_is_divided", "_is_ending", "_quiet", "_waiting")

    def __init__(self) -> None:
        self._began: float | None = None
        self._is_ending = self._is_divided = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._at_rest: list[Callable[[], None]] = []
        self._quiet = 0

    async def take(self) -> None:
        """Go on, in a later iteration of the loop if the operation has had enough of this one."""
        is_behind = bool(self._waiting)
        while is_behind or self._is_long():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._is_divided = True
            self._end_soon()
            await turn
            is_behind = False
        self._quiet = 0
        if self._began is None:
            self._began = monotonic()
            self._end_soon()

    def at_rest(self, call: Callable[[], None]) -> None:
        """Call back when all tasks of the operation wait for something else than a turn.

        Where the work was divided into turns, what belongs together comes in different ones. All
        that asks until then is called in the same iteration.
        """
        self._quiet = 0
        self._at_rest.append(call)
        if len(self._at_rest) == 1:
            asyncio.get_running_loop().call_soon(self._look)

    def stir(self) -> None:
        """Note that a task of the operation did something."""
        self._quiet = 0

    def _look(self) -> None:
        """Call back, or look again in the next iteration."""
        if self._waiting:
            self._quiet = 0
        if self._quiet < (_PATIENCE if self._is_divided else 1):
            self._quiet += 1
            asyncio.get_running_loop().call_soon(self._look)
            return
        calls, self._at_rest = self._at_rest, []
        for call in calls:
            call()

    def _is_long(self) -> bool:
        return self._began is not None and monotonic() - self._began > _TURN_S

    def _end_soon(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        """End the turns of this iteration; some that wait go on in the next."""
        self._began, self._is_ending = None, False
        woken = 0
        while self._waiting and woken < _WOKEN_AT_ONCE:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                woken += 1
        if woken:
            self._quiet = 0
        if self._waiting:
            self._end_soon()
