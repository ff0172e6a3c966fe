"""Commands on recordings of one run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import RecordingChoice, Scope
from db.statements.activities import activity_edit, recording
from graph.commands.authorization import find_own_id, lock_own_activity, require_scope
from graph.commands.best_changes import (
    BestChange,
    group_again,
    load_changes,
    note_changes,
    recalculate,
    tell_changes,
)
from graph.context import Context
from graph.mapping.relation import NO_ARGUMENTS
from graph.types.activity import Activity
from graph.types.enums import UserErrorCode
from graph.types.node_lookup import load_node_of, rows_of_type
from graph.types.payload import MutationRefused
from graph.types.recording_mutation import (
    ChooseRecordingInput,
    RecordingPayload,
    SeparateRecordingInput,
)

_FIELD = "input.activityId"


async def in_order(connection: AsyncConnection, activity_ids: Sequence[int]) -> list[int]:
    """Sort recordings of a run, those that count first; at most 20 are left."""
    if not activity_ids:
        return []
    values = {"activities": list(activity_ids)}
    return list((await connection.execute(activity_edit.in_order(), values)).scalars())


async def load_recordings(context: Context, activity_ids: Sequence[int]) -> list[Activity]:
    """Load activities as they are now, without those that are not there."""
    rows = rows_of_type("Activity")
    loading = (context.loaders.lookup(rows, NO_ARGUMENTS, each) for each in activity_ids)
    return [each for each in await asyncio.gather(*loading) if each is not None]


async def choose_recording(context: Context, wanted: ChooseRecordingInput) -> RecordingPayload:
    """Let a recording count for its run, or the rules choose.

    Raises MutationRefused, CallerError.
    """
    return await _say(context, wanted.activity_id, RecordingChoice.CHOSEN, undo=wanted.undo)


async def separate_recording(context: Context, wanted: SeparateRecordingInput) -> RecordingPayload:
    """Make a recording a run of its own, or undo that. Raises MutationRefused, CallerError."""
    return await _say(context, wanted.activity_id, RecordingChoice.SEPARATE, undo=wanted.undo)


async def _say(
    context: Context, global_id: str, choice: RecordingChoice, *, undo: bool
) -> RecordingPayload:
    require_scope(context, Scope.SYNC)
    activity_id = await find_own_id(context, "Activity", global_id, _FIELD)
    said = partial(_undo, choice) if undo else partial(_choose, choice)
    athlete_id, others, changes = await context.database.writing(
        partial(_change, context, activity_id, said)
    )
    await tell_changes(context, athlete_id)
    context.forget()
    return RecordingPayload(
        activity=await load_node_of(context, "Activity", global_id, _FIELD),
        recordings=await load_recordings(context, others),
        personal_best_changes=await load_changes(context, athlete_id, changes),
    )


_Say = Callable[[AsyncConnection, int, Any], Awaitable[None]]


async def _change(
    context: Context, activity_id: int, say: _Say, connection: AsyncConnection
) -> tuple[int, list[int], list[BestChange]]:
    """Write what is said, then group and rank again, in one transaction.

    Returns the athlete, the other recordings of the run before, and the bests that changed.
    """
    row = await lock_own_activity(context, connection, activity_id, _FIELD)
    of_run = {"run": row.run_id, "activity": activity_id}
    others = (await connection.execute(activity_edit.others_of_run(), of_run)).scalars().all()
    await say(connection, activity_id, row)
    regrouped = await group_again(connection, row.athlete_id, [activity_id, *others])
    changes = await recalculate(connection, row.athlete_id, regrouped.looked_at)
    changed = [activity_id, *regrouped.changed]
    await note_changes(connection, row.athlete_id, changes, activities=changed)
    return row.athlete_id, await in_order(connection, others), changes


async def _choose(
    choice: RecordingChoice, connection: AsyncConnection, activity_id: int, row: Any
) -> None:
    values = {"activity_id": activity_id}
    if choice is RecordingChoice.CHOSEN:
        if not row.others:
            message = "It is the only recording of its run, so it counts anyway."
            raise MutationRefused(UserErrorCode.CONFLICT, message, _FIELD)
        await connection.execute(recording.unchoose_others(), {**values, "of_run": row.run_id})
    await connection.execute(recording.choose(), {**values, "new_choice": choice.value})


async def _undo(
    choice: RecordingChoice, connection: AsyncConnection, activity_id: int, _row: Any
) -> None:
    values = {"activity_id": activity_id, "old_choice": choice.value}
    await connection.execute(recording.undo_choice(), values)
