"""Stores the events of Strava's webhook, and starts the jobs that apply them.

Events that come within a moment, or while others are being written, are written together, in one
transaction. So a burst takes one connection and little of the process's time, and an object that is
told of a hundred times is written once.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import DatabaseError
from db.session import AsyncDatabase
from db.statements.strava import strava_event
from db.write_positions import WRITES_FOR, viewer_name
from runtime.errors import PacegraphError
from strava.webhook_event import WebhookEvent
from web.job_queue import RedisJobQueue

_AT_ONCE = 500
_OTHERS_AT_ONCE = 250
"""Of those, how many are kept for what is no end of the access, if as many wait."""
_GATHER_S = 0.02
_MOST_WAITING = 10_000
"""Events of all athletes that wait in memory to be written, but ends of the access."""
_MOST_ENDS_WAITING = 1_000
"""Ends of the access that wait beside them, and are written first. Neither takes others' room."""
_MOST_STORED = 10_000
"""Events of one athlete that are stored and not yet handled."""
_PATIENCE_S = 1.5
"""Strava gives up after 2 s."""
_HANDED_OVER_AT_ONCE = 50
_CLOSE_S = 3.0
OUTCOMES = ("stored", "unknown_owner", "ignored", "malformed", "too_many", "not_stored")

logger = logging.getLogger(__name__)


class EventsNotStored(PacegraphError):
    """An event could not be stored now. Strava will send it again."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    event: WebhookEvent
    request_id: str
    outcome: asyncio.Future[str]


class StravaIntake:
    """Takes events from requests. One task at a time writes them."""

    def __init__(self, database: AsyncDatabase, jobs: RedisJobQueue) -> None:
        self._database, self._jobs = database, jobs
        self._ends: deque[_Arrival] = deque()
        self._others: deque[_Arrival] = deque()
        self._writer: asyncio.Task[None] | None = None
        self.outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        """How many events had which outcome, since the process started."""

    async def take(self, event: WebhookEvent, request_id: str) -> None:
        """Store an event; it is committed on return. Raises EventsNotStored, DatabaseError.

        Events of athletes who are not connected are dropped.
        """
        try:
            outcome = await self._store(event, request_id)
        except (DatabaseError, EventsNotStored):
            self.outcomes["not_stored"] += 1
            raise
        self.outcomes[outcome] += 1
        if outcome == "too_many":
            raise EventsNotStored(f"{_MOST_STORED} events of this athlete wait")

    async def _store(self, event: WebhookEvent, request_id: str) -> str:
        is_end = event.object_type == "athlete"
        queue, room = (self._ends, _MOST_ENDS_WAITING) if is_end else (self._others, _MOST_WAITING)
        if len(queue) >= room:
            raise EventsNotStored("too many events wait to be stored")
        arrival = _Arrival(event, request_id, asyncio.get_running_loop().create_future())
        queue.append(arrival)
        if self._writer is None or self._writer.done():
            # it is not one request's
            self._writer = asyncio.create_task(self._write_all(), context=Context())
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await arrival.outcome
        except TimeoutError:
            raise EventsNotStored("the database does not answer in time") from None

    async def _write_all(self) -> None:
        while waiting := len(self._ends) + len(self._others):
            if waiting < _AT_ONCE:
                await asyncio.sleep(_GATHER_S)
            batch = list(self._take_batch())
            try:
                outcomes, new_jobs = await self._database.writing(partial(_write, batch=batch))
            except DatabaseError as error:
                self._refuse(batch, error)
            except Exception:
                logger.exception("events of Strava could not be stored")
                self._refuse(batch, EventsNotStored("something went wrong"))
            else:
                for arrival, outcome in zip(batch, outcomes, strict=True):
                    if not arrival.outcome.done():
                        arrival.outcome.set_result(outcome)
                await self._hand_over(new_jobs)

    def _take_batch(self) -> Iterator[_Arrival]:
        """Take those that came first of both kinds, ends before others."""
        others = min(_OTHERS_AT_ONCE, len(self._others))
        ends = min(_AT_ONCE - others, len(self._ends))
        others = min(_AT_ONCE - ends, len(self._others))
        for queue, number in ((self._ends, ends), (self._others, others)):
            for _ in range(number):
                yield queue.popleft()

    def _refuse(self, batch: Sequence[_Arrival], error: Exception) -> None:
        for arrival in batch:
            if not arrival.outcome.done():
                arrival.outcome.set_exception(error)

    async def _hand_over(self, new_jobs: Sequence[RowMapping]) -> None:
        for first in range(0, len(new_jobs), _HANDED_OVER_AT_ONCE):
            some = new_jobs[first : first + _HANDED_OVER_AT_ONCE]
            await asyncio.gather(*(self._jobs.enqueue(job["id"], at_front=True) for job in some))

    async def close(self) -> None:
        """Wait a moment for what is being written."""
        if self._writer is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._writer


async def _write(
    connection: AsyncConnection, batch: Sequence[_Arrival]
) -> tuple[list[str], Sequence[RowMapping]]:
    """Write a batch; returns the outcome of each event, and the jobs that are new."""
    values: dict[str, Any] = {"owners": sorted({each.event.owner_id for each in batch})}
    rows = (await connection.execute(strava_event.owners(), values)).all()
    owners: Mapping[int, Any] = {row.strava_athlete_id: row for row in rows}
    known = [each for each in batch if each.event.owner_id in owners]
    if not known:
        return ["unknown_owner"] * len(batch), []
    keys = [
        (owners[each.event.owner_id].id, each.event.object_type, each.event.object_id)
        for each in known
    ]
    connections, kinds, objects = (list(column) for column in zip(*keys, strict=True))
    values = {"connections": connections, "kinds": kinds, "objects": objects, "most": _MOST_STORED}
    WRITES_FOR.set(tuple({viewer_name(each.athlete_id) for each in owners.values()}))
    stored = {tuple(row) for row in await connection.execute(strava_event.store(), values)}
    origins = {
        owners[each.event.owner_id].athlete_id: each.request_id
        for each, key in zip(known, keys, strict=True)
        if key in stored and _may_be_applied(each.event, owners[each.event.owner_id])
    }
    new_jobs: Sequence[RowMapping] = []
    if origins:
        values = {"athletes": list(origins), "origins": list(origins.values())}
        new_jobs = (await connection.execute(strava_event.create_jobs(), values)).mappings().all()
    told = dict(zip((id(each) for each in known), keys, strict=True))
    return [_outcome(told.get(id(each)), stored) for each in batch], new_jobs


def _may_be_applied(event: WebhookEvent, owner: Any) -> bool:
    """Whether a job could do something: not while Strava does not accept the athlete's tokens."""
    return owner.refused_at is None or event.object_type == "athlete"


def _outcome(key: tuple[int, str, int] | None, stored: set[tuple[Any, ...]]) -> str:
    if key is None:
        return "unknown_owner"
    return "stored" if key in stored else "too_many"
