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

_MOST_HELD_BYTES = 32 << 20
"""Bytes of files that are in memory while they are sent; of one athlete half, unless it is one."""


class TooManyDownloads(HttpRefusal):
    status, code = 503, "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__(
            "Too many downloads are under way (EXPORTS_AT_ONCE; an athlete may have "
            "half). Try again "
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
        self._held = Counter[int]()
        self.refused = self.stalled = 0
        """Downloads refused because too many were under way, and cut, since the process started."""

    @property
    def under_way(self) -> int:
        """Downloads under way."""
        return self._taken.total()

    @asynccontextmanager
    async def taken(
        self, athlete_id: int, scope: Scope, send: Send, held_bytes: int = 0
    ) -> AsyncIterator[Send]:
        """Hold one, and give what to send by: the connection is cut if a piece is not read in time.

        `held_bytes` of the file are in memory meanwhile. Raises TooManyDownloads.
        """
        if not self._has_room(athlete_id, held_bytes):
            self.refused += 1
            raise TooManyDownloads

        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._stall_s):
                    await send(message)
            except TimeoutError:
                raise _Stalled from None

        self._taken[athlete_id] += 1
        self._held[athlete_id] += held_bytes
        try:
            yield send_in_time
        except _Stalled:
            self.stalled += 1
            cut(scope)
        finally:
            self._taken[athlete_id] -= 1
            self._held[athlete_id] -= held_bytes
            if not self._taken[athlete_id]:
                del self._taken[athlete_id], self._held[athlete_id]

    def _has_room(self, athlete_id: int, held_bytes: int) -> bool:
        own, all_own = self._taken[athlete_id], self._held[athlete_id] + held_bytes
        taken, held = self._taken.total(), self._held.total() + held_bytes
        return (
            own < self._most_of_one
            and taken < self._most
            and (not own or all_own <= _MOST_HELD_BYTES // 2)
            and (not taken or held <= _MOST_HELD_BYTES)
        )
