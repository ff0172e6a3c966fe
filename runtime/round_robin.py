"""Gives callers turns at something that one can use at a time, each caller after the other."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from runtime.bounded_map import LruMap

_MAX_CALLERS = 1000


class TooManyWaiting(Exception):
    """Too many wait for a turn, above all this caller."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in the lines of one caller or, where several want the same, of each of them."""

    turn: asyncio.Future[None]
    callers: set[Hashable] = field(default_factory=set)


class RoundRobin:
    """One turn at a time. Each caller has a line; the one without a turn for longest has the next.

    So a caller waits for at most one turn of every other caller, however many they want. At most
    `most` tickets may be out. If all are, a caller with a shorter line takes the place of the last
    one in the longest line.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: dict[Hashable, OrderedDict[Ticket, None]] = {}
        self._served = LruMap[Hashable, int](_MAX_CALLERS)
        self._turns = 0
        self._out: set[Ticket] = set()
        self._is_taken = False
        self._holders: set[Hashable] = set()
        self.refused = 0
        """How many were refused since the process started."""

    def __len__(self) -> int:
        """Count the tickets that wait or have their turn."""
        return len(self._out)

    def ask(self, caller: Hashable) -> Ticket:
        """Join the caller's line; the ticket is for `turn`. Raises TooManyWaiting."""
        if len(self._out) >= self._most:
            self._make_room(caller)
        ticket = Ticket(asyncio.get_running_loop().create_future())
        self._out.add(ticket)
        self.share(ticket, caller)
        self._hand_on()
        return ticket

    def share(self, ticket: Ticket, caller: Hashable) -> None:
        """Let a ticket wait in the line of another caller too: it wants the same."""
        if not ticket.turn.done():
            self._lines.setdefault(caller, OrderedDict())[ticket] = None
            ticket.callers.add(caller)

    def has(self, caller: Hashable) -> bool:
        """Tell whether the caller has a line, or the turn."""
        return caller in self._lines or caller in self._holders

    @asynccontextmanager
    async def turn(self, ticket: Ticket) -> AsyncIterator[None]:
        """Wait for the ticket's turn, and hold it. Raises TooManyWaiting."""
        try:
            await ticket.turn
            yield
        finally:
            self._end(ticket)

    def close(self) -> None:
        """Refuse all that wait."""
        for ticket in list(self._out):
            if not ticket.turn.done():
                self._refuse(ticket)

    def _make_room(self, caller: Hashable) -> None:
        own = len(self._lines.get(caller, ()))
        longest = max(self._lines.values(), key=len, default=OrderedDict[Ticket, None]())
        self.refused += 1
        if len(longest) <= own + 1:
            raise TooManyWaiting
        self._refuse(next(reversed(longest)))

    def _refuse(self, ticket: Ticket) -> None:
        self._leave(ticket)
        self._out.discard(ticket)
        ticket.turn.set_exception(TooManyWaiting())

    def _end(self, ticket: Ticket) -> None:
        """Return a turn, or stop waiting for one."""
        turn = ticket.turn
        had_turn = turn.done() and not turn.cancelled() and turn.exception() is None
        self._leave(ticket)
        self._out.discard(ticket)
        if had_turn:
            self._is_taken = False
            self._holders = set()
            self._hand_on()

    def _leave(self, ticket: Ticket) -> None:
        for caller in ticket.callers:
            line = self._lines.get(caller)
            if line is not None:
                line.pop(ticket, None)
                if not line:
                    del self._lines[caller]
        ticket.callers.clear()

    def _hand_on(self) -> None:
        """Give the turn to the first ticket of the caller that had none for longest."""
        while not self._is_taken and self._lines:
            caller = min(self._lines, key=self._last_turn)
            self._turns += 1
            self._served.keep(caller, self._turns)
            ticket = next(iter(self._lines[caller]))
            holders = set(ticket.callers)
            self._leave(ticket)
            if not ticket.turn.done():  # else it gave up just now
                self._is_taken, self._holders = True, holders
                ticket.turn.set_result(None)

    def _last_turn(self, caller: Hashable) -> int:
        """Get the number of a caller's last turn. 0: none, or it is forgotten."""
        return self._served.get(caller, 0)
