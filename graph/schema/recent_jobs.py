"""Looks at which jobs an athlete has."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from db.session import AsyncDatabase
from db.statements import job as statements
from graph.job_interface import RecentJob
from graph.schema.patient_reader import SharedLooks

_MOST_JOBS = 1000
_Key = tuple[int, datetime]
Found = Sequence[RecentJob]


class RecentJobs(SharedLooks[_Key, Found]):
    """Finds the jobs under way, and those ended at or after a time, oldest first."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__(self._select)
        self._database = database

    async def recent(self, athlete_id: int, since: datetime) -> Found:
        """Find them for an athlete."""
        return await self.look((athlete_id, since))

    async def _select(self, key: _Key) -> Found:
        athlete_id, since = key
        values = {"athlete": athlete_id, "since": since, "most": _MOST_JOBS}

        async def select(connection: AsyncConnection) -> Found:
            rows = await connection.execute(statements.recent_of_athlete(), values)
            return [RecentJob(row.id, row.version, row.has_ended) for row in rows]

        return await self._database.reading(select)
