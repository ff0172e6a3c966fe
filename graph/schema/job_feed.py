"""Rows of jobs for subscriptions. Each change is read once per process, for all its subscribers.

All subscriptions together use one database connection at a time. While the database is busy or
away, they wait and the read is repeated; no subscription ends because of it.
"""

import asyncio
from contextvars import Context
from datetime import datetime
from typing import Any

from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from graph.job_interface import ChangePosition, FoundJobs, JobQueue
from graph.mapping.batch_queries import BatchQueries
from graph.mapping.relation import NO_ARGUMENTS
from graph.schema.change_feed import ChangeFeeds, ChangeWatch
from graph.schema.patient_reader import PatientReader
from graph.schema.recent_jobs import RecentJobs
from graph.schema.shared_feed import Feed, Feeds
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
        self._recent = RecentJobs(database)
        self._changes = ChangeFeeds(database, jobs)
        self._feeds = Feeds(_JobFeed, self._follow)

    @property
    def reads(self) -> int:
        """Number of statements that read rows since the process started."""
        return self._rows.reads + self._recent.reads + self._changes.recent.reads

    @property
    def retries(self) -> int:
        """Number of reads that were repeated since the process started."""
        return self._rows.retries + self._recent.retries + self._changes.recent.retries

    async def recent(self, athlete_id: int, since: datetime) -> FoundJobs:
        """Find the jobs of an athlete under way, and those that ended at or after `since`."""
        return await self._recent.recent(athlete_id, since)

    def changes(self, athlete_id: int, position: ChangePosition) -> ChangeWatch:
        """Watch what changes of an athlete after a position."""
        return self._changes.watch(athlete_id, position)

    async def read(self, job_id: int, version: int) -> Job | None:
        """Read a job at `version` or a later one; None if the row was deleted."""
        return await self._rows.read(job_id, version)

    def watch(self, job_id: int) -> "JobWatch":
        """Watch a job."""
        return JobWatch(self._feeds, self._rows, job_id)

    async def close(self) -> None:
        """Cancel all tasks. Call it before the database is closed."""
        await self._feeds.close()
        await self._recent.close()
        await self._changes.close()
        await self._rows.close()

    async def _follow(self, job_id: int, feed: "_JobFeed") -> None:
        """Read the row after each message and at intervals, until the last subscriber leaves."""
        async with self._jobs.watch(job_id=job_id) as changes:
            async for change in changes:
                if change is None or feed.is_older_than(change.version):
                    feed.put(await self._rows.read(job_id))


class _JobFeed(Feed):
    """The newest known state of one job."""

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None

    def is_older_than(self, version: int) -> bool:
        return self.job is None or self.job.version < version

    def put(self, job: Job | None) -> None:
        """Set the state, unless it is older than or equal to the known one."""
        if job is None or self.is_older_than(job.version):
            self.job = job
            self.tell()


class JobWatch:
    """One subscriber's place in the states of a job."""

    __slots__ = ("_feed", "_feeds", "_job", "_job_id", "_rows")

    def __init__(self, feeds: Feeds[_JobFeed], rows: "_Rows", job_id: int) -> None:
        self._feeds, self._rows, self._job_id = feeds, rows, job_id
        self._feed: _JobFeed | None = None
        self._job: Job | None = None

    async def next(self) -> Job | None:
        """Get the current state, then the newest one after each change.

        None if the row was deleted.
        """
        if self._feed is None:
            self._feed = self._feeds.enter(self._job_id)
            # A new read: the feed's state may be older than what this subscriber has seen.
            self._feed.put(await self._rows.read(self._job_id))
        else:
            self._feed.check()
            while self._feed.job is self._job:
                await self._feed.news()
        self._job = self._feed.job
        return self._job

    def close(self) -> None:
        """Watch no more."""
        feed, self._feed = self._feed, None
        if feed is not None:
            self._feeds.leave(self._job_id, feed)


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
