"""New connections are warm before they are used.

A backend of PostgreSQL that has just started knows no table: its first statements read the catalogs.
That takes it many times what they take later, and whoever came first would wait for it and pay it.
So each new connection runs some statements beforehand, on nobody's account.

What cannot be run beforehand, such as the triggers of a write, takes some milliseconds of its first
transactions. Those are free (`Uncharged`), and so are its first statements where it is not known which
backend ran them, as behind a pooler.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

WITHIN_S = 2.0
"""Seconds after which a connection is used although it is cold: a busy server would be worse off."""

_WAIT_FOR_NO_LOCK = "SET LOCAL lock_timeout = '100ms'"
"""Who leaves meanwhile would leave a backend behind that waits on, beyond the pool's size."""
_FREE_MS = 10.0
_KEY = "uncharged"

logger = logging.getLogger(__name__)


class WarmStatement(NamedTuple):
    """A statement in the driver's own form that finds nothing, and its values."""

    text: str
    values: Sequence[Any]


class Uncharged:
    """Milliseconds of a connection's first transactions that nobody pays for."""

    __slots__ = ("_left_ms",)

    def __init__(self, milliseconds: float = _FREE_MS) -> None:
        self._left_ms = milliseconds

    def take(self, milliseconds: float) -> float:
        """Get how many of the milliseconds are free."""
        taken = min(self._left_ms, max(0.0, milliseconds))
        self._left_ms -= taken
        return taken


def uncharged_of(connection: AsyncConnection) -> Uncharged:
    """Get what is left of a connection's."""
    found: Uncharged = connection.info[_KEY]
    return found


class NewConnections:
    """The new connections of an engine. `statements` are set before the first; None: none is warm."""

    statements: Callable[[], Awaitable[Sequence[WarmStatement]]] | None = None

    def __init__(self, engine: AsyncEngine) -> None:
        self.cold = 0
        """How many were used cold because a statement failed or took too long."""
        event.listen(engine.sync_engine, "connect", self._prepare)

    def _prepare(self, connection: Any, record: Any) -> None:
        record.info[_KEY] = Uncharged()
        if self.statements is not None:
            connection.run_async(self._warm)

    async def _warm(self, driver: Any) -> None:
        assert self.statements is not None
        try:
            statements = await self.statements()
            async with asyncio.timeout(WITHIN_S), driver.transaction():
                await driver.execute(_WAIT_FOR_NO_LOCK)
                for each in statements:
                    await driver.fetchrow(each.text, *each.values)
        except Exception as error:  # noqa: BLE001 - what is amiss, its first use meets and tells
            self.cold += 1
            logger.warning("a new connection is used cold", extra={"error": repr(error)})
        except BaseException:
            driver.terminate()  # nobody else knows of it yet
            raise
