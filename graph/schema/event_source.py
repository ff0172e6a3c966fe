"""Where a subscription's events come from: an object that makes the next one when it is asked.

Thousands of subscribers wait at once. Nested generators took some 10 kB of each
(`docs/decisions/0042-subscribers-in-a-few-objects.md`).
"""

import asyncio
from datetime import datetime
from typing import Generic, Self, TypeVar

from graph.context import Context
from graph.errors import InvalidScalar, NotFound, Unauthenticated
from graph.global_id import decode_id_of
from graph.scalars import parse_instant

T = TypeVar("T")
_AGAIN_S = 1.0
"""Seconds until the next attempt at an event that lacked data because the database was busy."""


class EventSource(Generic[T]):
    """The events of one subscription: an asynchronous iterator that its reader has to close."""

    __slots__ = ("_event", "_has_begun", "context")

    def __init__(self, context: Context) -> None:
        self.context = context
        self._event: T | None = None
        self._has_begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Charge the next event and give it; the last one again where that lacked data.

        Raises CallerError.
        """
        context, event = self.context, self._event
        if event is not None and context.is_event_lost:
            await asyncio.sleep(_AGAIN_S)
            context.forget()
            return event
        event = self._event = await self._next()
        context.database_work.restart()  # each event may take as long as an operation
        if self._has_begun and context.charge is not None:
            await context.charge.repeat(context.budget())
        # the operation's own charge covers the first event
        self._has_begun = True
        return event

    async def aclose(self) -> None:
        """Wait for no more events."""
        raise NotImplementedError

    async def _next(self) -> T:
        """Wait for an event that the caller may see. Raises CallerError, StopAsyncIteration."""
        raise NotImplementedError


def own_athlete(context: Context, global_id: str, what: str) -> int:
    """Get the number of the caller's own athlete; admins may watch all. Raises CallerError."""
    number = decode_id_of("Athlete", global_id, "athleteId")
    require_account(context)
    if not context.viewer.sees_unshared(number):
        raise NotFound(
            f"There is no athlete with this id, or you cannot see their {what}.", "athleteId"
        )
    return number


def require_account(context: Context) -> None:
    """Refuse a signed-out caller: nothing is visible to them. Raises Unauthenticated."""
    if context.viewer.account_id is None:
        # NOT_FOUND would not say what is missing.
        raise Unauthenticated(context.how_to_sign_in)


def named_position(context: Context) -> datetime | None:
    """Get the time that a client of an event stream names as its last event.

    None: it names none.
    """
    try:
        return parse_instant(context.last_event_id)
    except InvalidScalar:
        return None
