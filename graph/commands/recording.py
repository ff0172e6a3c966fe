"""Commands on recordings of one run."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import RecordingChoice, Scope
from db.recording_groups import changed_groups
from db.statements import activity as activities
from db.statements import athlete as athletes
from db.statements import personal_best as bests
from graph.commands.authorization import not_found, require_scope
from graph.context import Context
from graph.types.enums import UserErrorCode
from graph.types.node_lookup import find_row_id, load_node_of
from graph.types.payload import MutationRefused
from graph.types.recording_mutation import (
    ChooseRecordingInput,
    RecordingPayload,
    SeparateRecordingInput,
)
from runtime.work_meter import waiting_for_lock

_FIELD = "input.activityId"
_RECALCULATE = bests.recalculate()


async def choose_recording(context: Context, wanted: ChooseRecordingInput) -> RecordingPayload:
    """Let a recording count for its run, or the rules choose. Raises MutationRefused, CallerError."""
    return await _say(context, wanted.activity_id, RecordingChoice.CHOSEN, undo=wanted.undo)


async def separate_recording(context: Context, wanted: SeparateRecordingInput) -> RecordingPayload:
    """Make a recording a run of its own, or undo that. Raises MutationRefused, CallerError."""
    return await _say(context, wanted.activity_id, RecordingChoice.SEPARATE, undo=wanted.undo)


async def _say(
    context: Context, global_id: str, choice: RecordingChoice, *, undo: bool
) -> RecordingPayload:
    require_scope(context, Scope.SYNC)
    activity_id = await find_row_id(context, "Activity", global_id, _FIELD)
    if activity_id is None:
        raise not_found(_FIELD, "activity")
    said = partial(_undo, choice) if undo else partial(_choose, choice)
    await context.database.writing(partial(_change, context, activity_id, said))
    context.forget()
    return RecordingPayload(activity=await load_node_of(context, "Activity", global_id, _FIELD))


_Say = Callable[[AsyncConnection, int, Any], Awaitable[None]]


async def _change(
    context: Context, activity_id: int, say: _Say, connection: AsyncConnection
) -> None:
    """Write what is said, then group and rank again, in one transaction."""
    values = {"activity_id": activity_id}
    row = (await connection.execute(activities.owner_of(), values)).first()
    viewer = context.viewer
    if row is None or not (viewer.is_admin or row.athlete_id == viewer.athlete_id):
        raise not_found(_FIELD, "activity")
    with waiting_for_lock():  # a sync may be recalculating the same athlete
        await connection.execute(athletes.lock(), {"athlete": row.athlete_id})
    row = (await connection.execute(activities.owner_of(), values)).first()
    if row is None:
        raise not_found(_FIELD, "activity")
    await say(connection, activity_id, row)
    await _group_again(connection, row.athlete_id)


async def _choose(
    choice: RecordingChoice, connection: AsyncConnection, activity_id: int, row: Any
) -> None:
    values = {"activity_id": activity_id}
    if choice is RecordingChoice.CHOSEN:
        if not row.others:
            message = "It is the only recording of its run, so it counts anyway."
            raise MutationRefused(UserErrorCode.CONFLICT, message, _FIELD)
        await connection.execute(activities.unchoose_others(), {**values, "of_run": row.run_id})
    await connection.execute(activities.choose(), {**values, "new_choice": choice.value})


async def _undo(
    choice: RecordingChoice, connection: AsyncConnection, activity_id: int, _row: Any
) -> None:
    values = {"activity_id": activity_id, "old_choice": choice.value}
    await connection.execute(activities.undo_choice(), values)


async def _group_again(connection: AsyncConnection, athlete_id: int) -> None:
    rows = (await connection.execute(activities.recordings(), {"athlete": athlete_id})).all()
    # The event loop goes on: an athlete may have many thousand recordings.
    if changes := await asyncio.to_thread(changed_groups, rows):
        await connection.execute(activities.set_duplicate_of(), changes)
    for statement in _RECALCULATE:
        await connection.execute(statement, {"athlete_ids": [athlete_id]})
