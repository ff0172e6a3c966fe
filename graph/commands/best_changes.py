"""What follows from a change of activities: groups of recordings, and personal bests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection

from athletics.distance import StandardDistance
from db.recording_groups import changed_groups
from db.statements.activities import activity_edit, recording
from db.statements.athletes import athlete_change
from db.statements.performance import best_effort as best_efforts
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
    of_athlete: bool = False,
) -> None:
    """Note in the transaction what it changed, for subscribers. `tell_changes` after the commit.

    `of_athlete`: the athlete's own data changed, such as the profile, zones or gear.
    """
    distances = [each.distance.value for each in bests]
    changes = athlete_change.changes(
        athlete_id,
        None,
        activities=activities,
        deleted=deleted,
        distances=distances,
        of_athlete=of_athlete,
    )
    if changes is not None:
        await connection.execute(athlete_change.record(), changes)


async def tell_changes(context: Context, athlete_id: int) -> None:
    """Tell watchers of an athlete that there are changes."""
    await context.jobs.announce(JobChange(NO_JOB, athlete_id, 0))


@dataclass(frozen=True, slots=True)
class Regrouped:
    """What `group_again` did.

    `looked_at` are the activities whose runs may be others than before, and all recordings of these
    runs. None: all of the athlete's.
    """

    changed: list[int]
    looked_at: list[int] | None


async def group_again(
    connection: AsyncConnection, athlete_id: int, of_run: Sequence[int]
) -> Regrouped:
    """Find which activities are recordings of one run, after a change of those `of_run`.

    Those of a hidden run are hidden with it. Lock the athlete before.
    """
    if not of_run:
        return Regrouped([], [])
    values: dict[str, Any] = {"athlete": athlete_id}
    found = await connection.execute(recording.near(), {**values, "seeds": list(of_run)})
    near = list(found.scalars()) or None
    if near is not None:
        values["near_ids"] = near
    recordings = recording.recordings(of_near=near is not None)
    rows = (await connection.execute(recordings, values)).all()
    # The event loop goes on: an athlete may have many thousand recordings.
    if changes := await asyncio.to_thread(changed_groups, rows):
        await connection.execute(recording.set_duplicate_of(), changes)
    hiding = await connection.execute(activity_edit.hide_with_run(), {"athlete": athlete_id})
    hidden = hiding.scalars().all()
    looked_at = None if near is None else [*near, *hidden]
    return Regrouped([*changes.get("activity_ids", ()), *hidden], looked_at)


async def _current_bests(connection: AsyncConnection, athlete_id: int) -> dict[str, int]:
    values = {"athlete_ids": [athlete_id]}
    rows = await connection.execute(personal_bests.current_bests(), values)
    return {row.distance: row.id for row in rows}


@dataclass(frozen=True, slots=True)
class BestsBefore:
    """The current bests before a deletion, and the distances over which it deletes bests."""

    current: dict[str, int]
    deleted: frozenset[str]


async def bests_before_deletion(
    connection: AsyncConnection, athlete_id: int, run_id: int
) -> BestsBefore:
    """Get what `recalculate` has to know once activities of a run are deleted."""
    deleted = await connection.execute(personal_bests.distances_of_run(), {"run": run_id})
    return BestsBefore(await _current_bests(connection, athlete_id), frozenset(deleted.scalars()))


async def recalculate(
    connection: AsyncConnection,
    athlete_id: int,
    of_activities: Sequence[int] | None,
    before: BestsBefore | None = None,
) -> list[BestChange]:
    """Update which efforts count, and the bests that may change by it, after a change of some runs.

    `of_activities` are all recordings of these runs; None: all of the athlete's. Lock the athlete
    before.
    """
    values: dict[str, Any] = {"athlete_ids": [athlete_id]}
    if of_activities is not None:
        values["activity_ids"] = list(of_activities)
    update_counts = best_efforts.update_counts(of_activities=of_activities is not None)
    changed = await connection.execute(update_counts, values)
    return await _recalculate_bests(connection, athlete_id, changed.scalars().all(), before)


async def recalculate_distance(
    connection: AsyncConnection, athlete_id: int, distance: str, of_activities: Sequence[int]
) -> list[BestChange]:
    """Update as `recalculate` what one distance has, which depends on no other."""
    update_counts = best_efforts.update_counts(of_distances=True, of_activities=True)
    values = {
        "athlete_ids": [athlete_id],
        "distances": [distance],
        "activity_ids": list(of_activities),
    }
    changed = await connection.execute(update_counts, values)
    return await _recalculate_bests(connection, athlete_id, changed.scalars().all())


async def _recalculate_bests(
    connection: AsyncConnection,
    athlete_id: int,
    changed: Sequence[int],
    before: BestsBefore | None = None,
) -> list[BestChange]:
    """Update the bests over the distances that `changed` efforts, or a deletion, may have changed."""
    found = await connection.execute(
        personal_bests.distances_that_may_change(), {"changed_ids": list(changed)}
    )
    distances = {*found.scalars(), *(before.deleted if before else ())}
    if not distances:
        return []
    current = before.current if before else await _current_bests(connection, athlete_id)
    values = {"athlete_ids": [athlete_id], "distances": sorted(distances)}
    found = await connection.execute(personal_bests.take_back(of_distances=True), values)
    if rows := personal_bests.rows_to_write(found.mappings()):
        await connection.execute(personal_bests.write(), rows)
    return _compared(current, await _current_bests(connection, athlete_id))


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
