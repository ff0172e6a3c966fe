"""One read replica: what it has replayed, and reads on it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from pydantic import SecretStr

from db.errors import DatabaseError, DatabaseUnavailable, ReplicaLost, StatementTimeout
from db.session import AsyncDatabase
from db.statements.server import replication
from settings import Settings

_LOOK_EVERY_S = 0.2
PATIENCE_S = 1.0
"""For how long a server is waited for that is looked at."""
_AWAY = -1

logger = logging.getLogger(__name__)


class Replica:
    """One replica, as one API process sees it. It is read while `position` tells what it shows."""

    def __init__(self, settings: Settings, url: SecretStr, number: int) -> None:
        """Take the replica at `url`, the `number`th of the setting, which names it in logs."""
        self.number = number
        of_replica = settings.model_copy(update={"database_url": url})
        self.database = AsyncDatabase(of_replica, application_name="pacegraph-api-replica")
        self.position = _AWAY
        """What it has replayed; less than any position while it is not to be read."""
        self._lost: asyncio.Future[None] | None = None
        self._watch = ServerWatch()
        self._told = ""

    @property
    def is_usable(self) -> bool:
        return self.position != _AWAY

    async def fetch_row(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Run a statement that only reads, as AsyncDatabase does, but once.

        Raises ReplicaLost where the primary has to be asked instead, also in the middle of a
        statement; StatementTimeout.
        """
        if self._lost is None:
            raise ReplicaLost
        reading = asyncio.create_task(self.database.fetch_row_once(statement, parameters))
        try:
            await asyncio.wait((reading, self._lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not reading.done():
                _abandon(reading)
        if reading.cancelled() or not reading.done():
            raise ReplicaLost
        return self._result(reading)

    def _result(self, reading: asyncio.Task[Any]) -> Any:
        try:
            return reading.result()
        except StatementTimeout:
            raise
        except DatabaseError as error:
            if isinstance(error, DatabaseUnavailable):
                self._lose(str(error))
            raise ReplicaLost from error

    def watch(self, identity: int) -> None:
        """Begin to look at it. `identity` names the primary's data."""
        self._watch.begin(partial(self._look_safely, identity))

    async def close(self) -> None:
        await self._watch.end()
        await self.database.close()

    async def _look_safely(self, identity: int) -> None:
        try:
            await self._look(identity)
        except Exception:
            logger.exception("a replica's position cannot be read")
            self._lose("its position cannot be read")

    async def _look(self, identity: int) -> None:
        """Ask for its position. One that is frozen does not answer, and ends its reads."""
        looking = asyncio.create_task(self.database.fetch_row_once(replication.REPLAYED, ()))
        await asyncio.wait([looking], timeout=PATIENCE_S)
        if not looking.done():
            _abandon(looking)
            self._lose("it does not answer")
        elif isinstance(error := looking.exception(), DatabaseError):
            self._lose(str(error))
        elif looking.result()[2] != identity:
            self._lose("it is of another database")
        elif not looking.result()[0] or looking.result()[1] is None:
            self._lose("it takes writes: it is no replica")
        else:
            self._find(looking.result()[1])

    def _find(self, position: int) -> None:
        if not self.is_usable:
            self._lost, self._told = asyncio.get_running_loop().create_future(), ""
            logger.info("a replica is read", extra={"replica": self.number})
        self.position = position

    def _lose(self, reason: str) -> None:
        self.position = _AWAY
        if self._lost is not None:
            self._lost.set_result(None)
            self._lost = None
        if self._told != reason:
            self._told = reason
            logger.warning(
                "a replica is not read", extra={"replica": self.number, "reason": reason}
            )


class ServerWatch:
    """Looks at a server again and again, in a task of its own."""

    _task: asyncio.Task[None] | None = None

    def begin(self, look: Callable[[], Awaitable[None]]) -> None:
        """Begin, unless it has begun."""
        if self._task is None:
            self._task = asyncio.create_task(_look_on(look))

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


async def _look_on(look: Callable[[], Awaitable[None]]) -> None:
    while True:
        began = monotonic()
        await look()
        await asyncio.sleep(max(0, began + _LOOK_EVERY_S - monotonic()))


def _abandon(task: asyncio.Task[Any]) -> None:
    """Cancel a read and do not wait: to end a connection to a frozen server takes a while."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
