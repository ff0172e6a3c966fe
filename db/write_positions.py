"""Up to where in PostgreSQL's log each viewer has written, known to all processes by Redis.

Only where DATABASE_REPLICA_URLS is set. A sorted set has the position after the last commit of each
viewer. Its member EVERYONE is a floor: all writes of viewers that are not in the set are below it.
So the floor may rise at any time, and what is below it is dropped. Without a floor nothing is
known: Redis lost its data.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any

from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.statements.server import replication
from runtime.redis_clients import positions_redis_client, redis_client
from runtime.redis_cluster import RedisPart, tagged
from runtime.redis_outage import RedisOutage
from settings import Settings

KEY = "pacegraph:written"
EVERYONE = "*"
Names = tuple[str, ...]
_NOT_TOLD = "Redis does not take positions of writes; queries go to the primary"
_TIMEOUT_S = 1.0

WRITES_FOR: ContextVar[Names | None] = ContextVar("writes_for", default=None)
"""The viewers that a task writes for. None: perhaps all. Empty: no viewer looks for the writes."""

logger = logging.getLogger(__name__)


def viewer_name(athlete_id: int | None, account_id: int | None = None) -> str:
    """Name a viewer by the athlete, else by the account; empty for a signed-out one."""
    if athlete_id is not None:
        return f"athlete:{athlete_id}"
    return "" if account_id is None else f"account:{account_id}"


class WritePositions:
    """The positions, as one API process knows them.

    All goes over one connection, which is never renewed in silence: after an error Redis may be
    another one, or may have lost what it knew. Then nothing counts until the floor was raised to
    the primary's position (`renew`).
    """

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis, self._key = redis, tagged(redis, KEY)
        self._outage = RedisOutage(logger, _NOT_TOLD)
        self._own: dict[str, int] = {}
        self._asked: list[tuple[str, asyncio.Future[int | None]]] = []
        self._asking: asyncio.Task[None] | None = None
        self.is_sound = False
        self.losses = 0
        """How often something may not have been recorded."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "WritePositions":
        return cls(positions_redis_client(settings))

    async def needed(self, name: str) -> int | None:
        """Get the position that a replica needs to show all that a viewer wrote. None: unknown."""
        if not self.is_sound:
            return None
        loop = asyncio.get_running_loop()
        found: asyncio.Future[int | None] = loop.create_future()
        self._asked.append((name, found))
        if self._asking is None:  # it is not one request's
            self._asking = loop.create_task(self._ask(), context=Context())
        return await found

    async def after_commit(self, connection: AsyncConnection) -> None:
        """Record a commit of this task that has just been made. Raises nothing of its own."""
        names = WRITES_FOR.get()
        if names == ():
            return
        was_recorded = False
        try:
            position = (await connection.execute(replication.written())).scalar_one()
            was_recorded = await self.record(names, position)
        except SQLAlchemyError as error:
            logger.warning("the position of a commit is unknown: %s", type(error).__name__)
        finally:
            if not was_recorded:  # cancelled, too
                self.lose()

    async def record(self, names: Names | None, position: int) -> bool:
        """Record that viewers wrote up to a position. False: Redis did not take it."""
        of = names if names is not None else (EVERYONE,)
        for name in of:
            self._own[name] = max(position, self._own.get(name, 0))
        try:
            await self._redis.zadd(self._key, dict.fromkeys(of, position), gt=True)
        except (RedisError, OSError) as error:
            self._outage.begin(error)
            return False
        return True

    def lose(self) -> None:
        """Note that something may be missing in Redis."""
        self.losses += 1
        self.is_sound = False

    async def raise_floor(self, position: int, *, is_new: bool = False) -> bool:
        """Count all viewers as having written up to a position. False: Redis did not take it.

        Only a new floor is set where there is none: Redis forgot who wrote beyond an old one.
        """
        is_raised = False
        try:  # a pipeline would take another connection, renewed in silence
            await self._redis.zadd(self._key, {EVERYONE: position}, gt=True, xx=not is_new)
            await self._redis.zremrangebyscore(self._key, "-inf", f"({position}")
            is_raised = True
        except (RedisError, OSError) as error:
            self._outage.begin(error)
            return False
        finally:
            if not is_raised:  # cancelled, too, which ends the connection
                self.lose()
        self._own = {name: own for name, own in self._own.items() if own > position}
        return True

    async def renew(self, position: int, losses: int) -> None:
        """Start again with the position of the primary, which was asked for after some `losses`."""
        if await self.raise_floor(position, is_new=True) and losses == self.losses:
            self._outage.end()
            self.is_sound = True

    async def close(self) -> None:
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=_TIMEOUT_S)
        await self._redis.aclose()

    async def _ask(self) -> None:
        """Ask Redis until no request waits. Requests of the same moment share a question."""
        try:
            while asked := self._asked:
                self._asked = []
                needed = await self._found([name for name, _ in asked])
                for (_, found), position in zip(asked, needed, strict=True):
                    if not found.done():
                        found.set_result(position)
        finally:
            self._asking = None

    async def _found(self, names: list[str]) -> list[int | None]:
        try:
            floor, *scores = await self._redis.zmscore(self._key, [EVERYONE, *names])
        except (RedisError, OSError) as error:
            self._outage.begin(error)
            floor, scores = None, []
        if floor is None:
            self.lose()
            return [None] * len(names)
        least = int(max(floor, self._own.get(EVERYONE, 0)))
        return [
            max(least, int(score or 0), self._own.get(name, 0))
            for name, score in zip(names, scores, strict=True)
        ]


class CommitRecorder:
    """Records the commits of a worker or a command: for all viewers, until `count_for` is called."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self._key = redis, tagged(redis, KEY)
        self._outage = RedisOutage(logger, _NOT_TOLD)
        self._unrecorded = 0
        self._names: Names = (EVERYONE,)

    @classmethod
    def from_settings(cls, settings: Settings) -> "CommitRecorder | None":
        """Make one; None without Redis, where no API can run."""
        if settings.redis_url is None:
            return None
        return cls(redis_client(settings, RedisPart.WRITES, timeout_s=_TIMEOUT_S))

    def count_for(self, athlete_id: int | None) -> None:
        """Count all commits from now on, and one under way, for an athlete; None: for all viewers."""
        self._names = (EVERYONE,) if athlete_id is None else (viewer_name(athlete_id),)

    @contextmanager
    def of(self, connection: Connection) -> Iterator[None]:
        """Record the commit that the block makes, if it has written anything.

        One whose outcome stays unknown may have been made. Raises the driver's errors, before.
        """
        has_written = connection.execute(replication.has_written()).scalar_one()
        self._unrecorded += bool(has_written)
        yield
        if has_written:
            self._record(connection)

    def _record(self, connection: Connection) -> None:
        """Record a commit that has just been made, and those before. Raises nothing."""
        names = self._names if self._unrecorded == 1 else (EVERYONE,)
        try:
            position: Any = connection.execute(replication.written()).scalar_one()
            self._redis.zadd(self._key, dict.fromkeys(names, position), gt=True)
        except (RedisError, OSError, SQLAlchemyError) as error:
            self._outage.begin(error)
        else:
            self._unrecorded = 0
            self._outage.end()

    def close(self) -> None:
        self._redis.close()
