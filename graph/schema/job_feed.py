"""Rows of jobs for subscriptions. Each change is read once per process, for all its subscribers.

All subscriptions together use one database connection at a time. While the database is busy or
away, they wait and the read is repeated; no subscription ends because of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import datetime
from typing import Any

from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from graph.job_interface import ChangePosition, FoundJobs, JobQueue
from graph.mapping.batch_queries import BatchQueries
from graph.mapping.relation import NO_ARGUMENTS
from graph.schema.patient_reader import PatientReader
from graph.schema.recent_changes import RecentChanges
from graph.schema.recent_jobs import RecentJobs
from graph.types.athlete_change import AthleteChanges
from graph.types.job import JOB_BY_ID, Job
from runtime.bounded_map import LruMap

_PAUSE_S = 0.01
"""Seconds between two statements. Jobs requested in between share the next statement."""
_MAX_RECENT = 1000


class DatabaseJobFeeds:
    """Implements `graph.job_interface.JobFeeds` with the database and the messages of a job queue.

    It reads rows as an administrator. Callers must check who may see a job.
    """

    def __init__(self, database: AsyncDatabase, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._rows = _Rows(database)
        self._looks = RecentJobs(database)
        self._changes = RecentChanges(database)
        self._feeds: dict[int, _Feed] = {}

    @property
    def reads(self) -> int:
        """Number of statements that read rows since the process started."""
        return self._rows.reads + self._looks.reads + self._changes.reads

    @property
    def retries(self) -> int:
        """Number of reads that were repeated since the process started."""
        return self._rows.retries + self._looks.retries + self._changes.retries

    async def recent(self, athlete_id: int, since: datetime) -> FoundJobs:
        """Find the jobs of an athlete under way, and those that ended at or after `since`."""
        return await self._looks.recent(athlete_id, since)

    async def changed(
        self, athlete_id: int, position: ChangePosition
    ) -> tuple[ChangePosition, AthleteChanges | None]:
        """Find what changed of an athlete after a position; returns the next one, and None for nothing."""
        return await self._changes.look((athlete_id, position))

    async def read(self, job_id: int, version: int) -> Job | None:
        """Read a job at `version` or a later one; None if the row was deleted."""
        return await self._rows.read(job_id, version)

    @asynccontextmanager
    async def watch(self, job_id: int) -> AsyncIterator[AsyncIterator[Job | None]]:
        """Yield a job's current state, then its newest state after each change.

        Yields None if the row was deleted.
        """
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = _Feed()
            # An empty context: the task outlives the request that started it.
            feed.task = asyncio.create_task(self._follow(job_id, feed), context=Context())
        feed.watchers += 1
        try:
            yield self._states(job_id, feed)
        finally:
            feed.watchers -= 1
            if not feed.watchers and feed.task is not None:
                feed.task.cancel()
                feed.task = None  # else both keep each other until the collector's next round
                self._forget(job_id, feed)

    async def close(self) -> None:
        """Cancel all tasks. Call it before the database is closed."""
        tasks = [feed.task for feed in self._feeds.values() if feed.task is not None]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._looks.close()
        await self._changes.close()
        await self._rows.close()

    def _forget(self, job_id: int, feed: "_Feed") -> None:
        if self._feeds.get(job_id) is feed:
            del self._feeds[job_id]

    async def _follow(self, job_id: int, feed: "_Feed") -> None:
        """Read the row after each message and at intervals, until the last subscriber leaves."""
        try:
            async with self._jobs.watch(job_id=job_id) as changes:
                async for change in changes:
                    if change is None or feed.is_older_than(change.version):
                        feed.put(await self._rows.read(job_id))
        except Exception as error:  # noqa: BLE001 - subscribers raise it
            self._forget(job_id, feed)
            feed.fail(error)

    async def _states(self, job_id: int, feed: "_Feed") -> AsyncIterator[Job | None]:
        # A new read: the feed's state may be older than what this subscriber has seen.
        feed.put(await self._rows.read(job_id))
        while True:
            job = feed.job
            yield job
            await feed.other_than(job)


class _Feed:
    """The newest known state of one job, shared by its subscribers."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    def is_older_than(self, version: int) -> bool:
        return self.job is None or self.job.version < version

    def put(self, job: Job | None) -> None:
        """Set the state, unless it is older than or equal to the known one."""
        if job is None or self.is_older_than(job.version):
            self.job = job
            self._tell()

    def fail(self, error: Exception) -> None:
        """Make all subscribers raise `error`."""
        self._error = error
        self._tell()

    async def other_than(self, job: Job | None) -> None:
        """Wait until the state is not `job`. Raises the error passed to `fail`."""
        while self.job is job and self._error is None:
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Rows(PatientReader):
    """Reads rows in batches: requests that arrive during a statement share the next one."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__()
        self._queries = BatchQueries(database, Viewer(is_admin=True), {})
        self._wanted: dict[int, asyncio.Future[Job | None]] = {}
        self._recent = LruMap[int, Job](_MAX_RECENT)
        self._reading: asyncio.Task[None] | None = None

    async def read(self, job_id: int, version: int | None = None) -> Job | None:
        """Read a row: at `version` or later if given, else as it is now. None if it was deleted."""
        recent = self._recent.find(job_id)
        if version is not None and recent is not None and recent.version >= version:
            return recent
        future = self._wanted.get(job_id)
        if future is None:
            future = self._wanted[job_id] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_on(), context=Context())
        return await asyncio.shield(future)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _read_on(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                try:
                    self._answer(wanted, await self.patiently(self._read_rows, list(wanted)))
                except Exception as error:  # noqa: BLE001 - the waiting readers raise it
                    _refuse(wanted, error)
                except BaseException:
                    _cancel(wanted)
                    raise
                await asyncio.sleep(_PAUSE_S)
        finally:
            _cancel(self._wanted)
            self._reading = None

    async def _read_rows(self, job_ids: list[int]) -> list[Job | None]:
        rows: list[Job | None] = await self._queries.lookup(JOB_BY_ID, NO_ARGUMENTS, job_ids)
        return rows

    def _answer(
        self, wanted: dict[int, asyncio.Future[Job | None]], rows: list[Job | None]
    ) -> None:
        for (job_id, future), job in zip(wanted.items(), rows, strict=True):
            if job is not None:
                self._recent.keep(job_id, job)
            if not future.done():
                future.set_result(job)


def _refuse(wanted: dict[int, asyncio.Future[Any]], error: Exception) -> None:
    for future in wanted.values():
        if not future.done():
            future.set_exception(error)


def _cancel(wanted: dict[int, asyncio.Future[Any]]) -> None:
    for future in wanted.values():
        future.cancel()
