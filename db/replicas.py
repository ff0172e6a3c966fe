"""Chooses a replica for the queries of a viewer: one that shows all that the viewer wrote."""

import asyncio
import logging
from collections import deque
from itertools import count
from time import monotonic
from zlib import crc32

from db.errors import DatabaseError
from db.replica import PATIENCE_S, Replica, ServerWatch
from db.session import AsyncDatabase
from db.statements.server import replication
from db.write_positions import WritePositions
from settings import Settings

logger = logging.getLogger(__name__)


class Replicas:
    """The replicas of one API process, and what it knows of the primary."""

    def __init__(
        self, settings: Settings, primary: AsyncDatabase, positions: WritePositions
    ) -> None:
        self._primary, self._positions = primary, positions
        self._max_lag_s = settings.database_replica_max_lag_s
        self.all = [
            Replica(settings, url, number)
            for number, url in enumerate(settings.database_replica_urls, 1)
        ]
        self._history: deque[tuple[float, int]] = deque()
        """Positions of the primary, and when they were asked for."""
        self._watch = ServerWatch()
        self._turns = count()
        self.chosen = self.left = 0
        """How many queries went to a replica, and to the primary."""
        primary.positions = positions

    @classmethod
    def from_settings(cls, settings: Settings, primary: AsyncDatabase) -> "Replicas | None":
        """Make them, and record the primary's commits; None where there are none."""
        if not settings.database_replica_urls:
            return None
        return cls(settings, primary, WritePositions.from_settings(settings))

    @property
    def usable(self) -> int:
        """How many replicas are read."""
        return sum(each.is_usable for each in self.all)

    async def choose(self, name: str) -> Replica | None:
        """Choose a replica that shows all that a viewer wrote. None: the primary is to be asked."""
        needed = await self._positions.needed(name) if self.usable else None
        if needed is not None:
            # the same one as long as it is fit, so that a viewer sees no older state than before
            first = crc32(name.encode()) if name else next(self._turns)
            for turn in range(len(self.all)):
                replica = self.all[(first + turn) % len(self.all)]
                if replica.position >= needed:
                    self.chosen += 1
                    return replica
        self.left += 1
        return None

    async def start(self) -> None:
        """Begin to look at the primary and the replicas."""
        self._watch.begin(self._look_safely)

    async def close(self) -> None:
        await self._watch.end()
        for each in self.all:
            await each.close()
        await self._positions.close()

    async def _look_safely(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._look()
        except (DatabaseError, TimeoutError):
            pass  # the primary is away: others tell of it, and replicas are read on
        except Exception:
            logger.exception("the primary's position cannot be read")

    async def _look(self) -> None:
        losses = self._positions.losses
        position, identity = await self._primary.fetch_row(replication.WRITTEN, ())
        for each in self.all:
            each.watch(identity)
        if not self._positions.is_sound:
            await self._positions.renew(position, losses)
        now = monotonic()
        self._history.append((now, position))
        old = None
        while self._history[0][0] <= now - self._max_lag_s:
            old = self._history.popleft()[1]
        if old is not None:
            await self._positions.raise_floor(old)
