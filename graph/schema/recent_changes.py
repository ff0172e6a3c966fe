"""Reads what changed of an athlete, with the rows that events show: once for all subscribers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection

from athletics.distance import StandardDistance
from db.session import AsyncDatabase
from db.statements.athletes import athlete_change as statements
from db.statements.visibility import Viewer
from graph.global_id import encode_id
from graph.job_interface import ChangePosition
from graph.mapping.batch_queries import BatchQueries
from graph.mapping.relation import NO_ARGUMENTS
from graph.schema.patient_reader import SharedReads
from graph.types.athlete import ATHLETE_BY_ID, Athlete
from graph.types.athlete_change import AthleteChanges
from graph.types.node_lookup import rows_of_type
from graph.types.personal_best import CURRENT_OF_ATHLETE, read_personal_bests
from runtime.work_meter import DATABASE_WORK, WorkMeter

_MOST_ROWS = 200
_MOST_LISTED = 100
_KEPT = timedelta(seconds=statements.KEPT_S)
_Key = tuple[int, ChangePosition]
Found = tuple[int, AthleteChanges | None]
"""Where the next read goes on, and what changed until there."""


class RecentChanges(SharedReads[_Key, Found]):
    """Finds what changed after a position. Rows are read as an administrator."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__(self._select)
        self._database = database
        self._queries = BatchQueries(database, Viewer(is_admin=True), {})

    async def _select(self, key: _Key) -> Found:
        athlete_id, position = key
        work = WorkMeter()
        DATABASE_WORK.set(work)
        # Read before the rows: what comes between the two is among these.
        latest = position if isinstance(position, int) else await self._latest(athlete_id)
        rows = [] if position is None else await self._rows(athlete_id, position)
        if not rows or position is None:
            return latest, None
        change = await self._change(athlete_id, rows, work)
        is_whole = len(rows) <= _MOST_ROWS and not _is_forgotten(position)
        change.is_complete = change.is_complete and is_whole
        return rows[0].id, change

    async def _latest(self, athlete_id: int) -> int:
        async def select(connection: AsyncConnection) -> int:
            found = await connection.execute(statements.latest(), {"athlete": athlete_id})
            latest: int = found.scalar_one()
            return latest

        return await self._database.reading(select)

    async def _rows(self, athlete_id: int, position: int | datetime) -> Sequence[Any]:
        values: dict[str, Any] = {"athlete": athlete_id, "most": _MOST_ROWS + 1}
        if isinstance(position, int):
            statement = statements.after()
            values["after_id"] = position
        else:
            statement = statements.since()
            values["since"] = position

        async def select(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(statement, values)).all()

        return await self._database.reading(select)

    async def _change(
        self, athlete_id: int, rows: Sequence[Any], work: WorkMeter
    ) -> AthleteChanges:
        """Load what `rows`, newest first, name."""
        gone = _first_of_each(each for row in rows for each in row.deleted_ids)
        changed = _first_of_each(each for row in rows for each in row.activity_ids)
        left = [each for each in changed if each not in set(gone)]
        named = {name for row in rows for name in row.distances}
        distances = [each for each in StandardDistance if each.value in named]
        activities = await self._queries.lookup(
            rows_of_type("Activity"), NO_ARGUMENTS, left[:_MOST_LISTED]
        )
        [bests] = await self._queries.lookup(
            CURRENT_OF_ATHLETE, read_personal_bests(distances), [athlete_id]
        )
        return AthleteChanges(
            athlete=await self._athlete(athlete_id)
            if any(row.of_athlete for row in rows)
            else None,
            activities=[each for each in activities if each is not None],
            deleted_activity_ids=[
                strawberry.ID(encode_id("Activity", each)) for each in gone[:_MOST_LISTED]
            ],
            distances=distances,
            personal_bests=bests,
            is_complete=all(row.is_complete for row in rows)
            and max(len(left), len(gone)) <= _MOST_LISTED,
            changed_at=rows[0].changed_at,
            work=work,
        )

    async def _athlete(self, athlete_id: int) -> Athlete | None:
        [found] = await self._queries.lookup(ATHLETE_BY_ID, NO_ARGUMENTS, [athlete_id])
        athlete: Athlete | None = found
        return athlete


def _first_of_each(numbers: Any) -> list[int]:
    return list(dict.fromkeys(numbers))


def _is_forgotten(position: int | datetime) -> bool:
    """Whether changes since then may be forgotten."""
    return isinstance(position, datetime) and datetime.now(UTC) - position > _KEPT
