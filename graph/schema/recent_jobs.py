"""Reads which jobs of an athlete are under way or have just ended."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from db.session import AsyncDatabase
from db.statements.jobs import job as statements
from graph.job_interface import FoundJobs, RecentJob
from graph.schema.patient_reader import SharedReads
from runtime.work_meter import DATABASE_WORK, WorkMeter

_MOST_JOBS = 1000
_Key = tuple[int, datetime]


class RecentJobs(SharedReads[_Key, FoundJobs]):
    """Finds the jobs under way, and those ended at or after a time, oldest first."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__(self._select)
        self._database = database

    async def recent(self, athlete_id: int, since: datetime) -> FoundJobs:
        """Find them for an athlete."""
        return await self.find((athlete_id, since))

    async def _select(self, key: _Key) -> FoundJobs:
        athlete_id, since = key
        work = WorkMeter()
        DATABASE_WORK.set(work)
        values = {"athlete": athlete_id, "since": since, "most": _MOST_JOBS}

        async def select(connection: AsyncConnection) -> Sequence[RecentJob]:
            rows = await connection.execute(statements.recent_of_athlete(), values)
            return [RecentJob(row.id, row.version, row.has_ended) for row in rows]

        return FoundJobs(await self._database.reading(select), work)
