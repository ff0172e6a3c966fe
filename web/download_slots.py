"""How many downloads of archives and originals are under way at once in this process.

One athlete has half of them, and whoever reads too slowly loses its own.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Scope, Send

from settings import Settings
from web.errors import HttpRefusal
from web.http.server_connection import cut


class TooManyDownloads(HttpRefusal):
    status, code = 503, "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__(
            "Too many downloads are under way (EXPORTS_AT_ONCE; an athlete may have half). Try again "
            "in a moment.",
            headers={"retry-after": "5"},
        )


class _Stalled(Exception):
    """The client did not read the last piece in time."""


class DownloadSlots:
    """The downloads of one kind, by the athletes whose data they are."""

    def __init__(self, settings: Settings) -> None:
        self._most, self._stall_s = settings.exports_at_once, settings.upload_stall_s
        self._most_of_one = max(1, self._most // 2)
        self._taken = Counter[int]()

    @asynccontextmanager
    async def taken(self, athlete_id: int, scope: Scope, send: Send) -> AsyncIterator[Send]:
        """Hold one, and give what to send by: the connection is cut if a piece is not read in time.

        Raises TooManyDownloads.
        """
        if self._taken[athlete_id] >= self._most_of_one or self._taken.total() >= self._most:
            raise TooManyDownloads

        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._stall_s):
                    await send(message)
            except TimeoutError:
                raise _Stalled from None

        self._taken[athlete_id] += 1
        try:
            yield send_in_time
        except _Stalled:
            cut(scope)
        finally:
            self._taken[athlete_id] -= 1
            if not self._taken[athlete_id]:
                del self._taken[athlete_id]
