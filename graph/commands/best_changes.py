"""What follows from a change of activities: groups of recordings, and personal bests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection

from athletics.distance import StandardDistance
from db.recording_groups import changed_groups
from db.statements.activities import activity as activities
from db.statements.activities import activity_edit
from db.statements.athletes import athlete_change
from db.statements.performance import personal_best as personal_bests
from graph.context import Context
from graph.global_id import encode_id
from graph.job_interface import NO_JOB, JobChange
from graph.mapping.relation import Arguments
from graph.types.best_change import PersonalBestChange
from graph.types.personal_best import CURRENT_OF_ATHLETE, PersonalBest, read_personal_bests


@dataclass(frozen=True, slots=True)
class BestChange:
    """A distance with another current best; `former_id` is the row of that before, or None."""

    distance: StandardDistance
    former_id: int | None


async def note_changes(
    connection: AsyncConnection,
    athlete_id: int,
    bests: Sequence[BestChange],
    *,
    activities: Sequence[int] = (),
    deleted: Sequence[int] = (),
) -> None:
    """Note in the transaction what it changed, for subscribers. `tell_changes` after the commit."""
    distances = [each.distance.value for each in bests]
    changes = athlete_change.changes(
        athlete_id, None, activities=activities, deleted=deleted, distances=distances
    )
    if changes is not None:
        await connection.execute(athlete_change.record(), changes)


async def tell_changes(context: Context, athlete_id: int) -> None:
    """Tell watchers of an athlete that there are changes."""
    await context.jobs.announce(JobChange(NO_JOB, athlete_id, 0))


async def group_again(connection: AsyncConnection, athlete_id: int) -> list[int]:
    """Find which activities are recordings of one run; returns those for which that changed.

    Those of a hidden run are hidden with it. Lock the athlete before.
    """
    rows = (await connection.execute(activities.recordings(), {"athlete": athlete_id})).all()
    # The event loop goes on: an athlete may have many thousand recordings.
    if changes := await asyncio.to_thread(changed_groups, rows):
        await connection.execute(activities.set_duplicate_of(), changes)
    hiding = await connection.execute(activity_edit.hide_with_run(), {"athlete": athlete_id})
    return [*changes.get("activity_ids", ()), *hiding.scalars()]


async def current_bests(connection: AsyncConnection, athlete_id: int) -> dict[str, int]:
    """Get the ids of the current bests by distance."""
    values = {"athlete_ids": [athlete_id]}
    rows = await connection.execute(personal_bests.current_bests(), values)
    return {row.distance: row.id for row in rows}


async def recalculate(
    connection: AsyncConnection, athlete_id: int, before: dict[str, int] | None = None
) -> list[BestChange]:
    """Update which efforts count, and the bests. Lock the athlete before.

    `before` are the `current_bests` before the change, where it deleted some.
    """
    if before is None:
        before = await current_bests(connection, athlete_id)
    for statement in personal_bests.recalculate():
        await connection.execute(statement, {"athlete_ids": [athlete_id]})
    return _compared(before, await current_bests(connection, athlete_id))


async def recalculate_distance(
    connection: AsyncConnection, athlete_id: int, distance: str
) -> list[BestChange]:
    """Update as `recalculate` what one distance has, which depends on no other."""
    parameters = {"athlete_ids": [athlete_id], "distances": [distance]}
    update_counts, *update_bests = personal_bests.recalculate(of_distances=True)
    changed = (await connection.execute(update_counts, parameters)).scalars().all()
    may_change = await connection.execute(
        personal_bests.may_change(), {"changed_ids": list(changed)}
    )
    if not may_change.scalar():
        return []
    before = await current_bests(connection, athlete_id)
    for statement in update_bests:
        await connection.execute(statement, parameters)
    return _compared(before, await current_bests(connection, athlete_id))


async def load_changes(
    context: Context, athlete_id: int, changes: Sequence[BestChange]
) -> list[PersonalBestChange]:
    """Load the bests that are current now, shortest distance first."""
    if not changes:
        return []
    arguments: Arguments = read_personal_bests([each.distance for each in changes])
    found: list[PersonalBest] = await context.loaders.lookup(
        CURRENT_OF_ATHLETE, arguments, athlete_id
    )
    by_distance = {each.distance: each for each in found}
    return [
        PersonalBestChange(
            distance=each.distance,
            former_id=_global_id(each.former_id),
            personal_best=by_distance.get(each.distance),
        )
        for each in changes
    ]


def _global_id(number: int | None) -> strawberry.ID | None:
    return None if number is None else strawberry.ID(encode_id("PersonalBest", number))


def _compared(before: dict[str, int], after: dict[str, int]) -> list[BestChange]:
    return [
        BestChange(each, before.get(each.value))
        for each in sorted(StandardDistance, key=lambda distance: distance.meters)
        if before.get(each.value) != after.get(each.value)
    ]
