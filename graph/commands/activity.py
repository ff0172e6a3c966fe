"""Commands that change, delete and restore an activity."""

from functools import partial
from typing import Any

import strawberry
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import JobKind, Scope, Visibility
from db.statements.activities import activity_edit, deleted_activity
from db.statements.activities.activity_deletion import gone_and_left
from db.statements.athletes import athlete as athletes
from db.statements.strava import strava_connection as connections
from graph.commands.athlete import load_athlete
from graph.commands.authorization import (
    find_own_id,
    lock_own_activity,
    may_change,
    not_found,
    require_scope,
)
from graph.commands.best_changes import (
    BestChange,
    bests_before_deletion,
    group_again,
    load_changes,
    note_changes,
    recalculate,
    tell_changes,
)
from graph.commands.idempotency import RequestKey
from graph.commands.job import (
    JobRequest,
    StartedJob,
    create_job,
    find_job,
    hand_over,
    load_job,
    require_budget,
    take_place,
    tell_displaced,
)
from graph.commands.recording import in_order, load_recordings
from graph.context import Context
from graph.global_id import decode_id_of, encode_id
from graph.input_checks import InputChecks, checked_text, drop_forbidden_nulls
from graph.types.activity_mutation import (
    DeleteActivityInput,
    DeleteActivityPayload,
    RestoreActivityInput,
    RestoreActivityPayload,
    UpdateActivityInput,
    UpdateActivityPayload,
)
from graph.types.enums import UserErrorCode
from graph.types.node_lookup import is_old_id, load_node_of
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock

_FIELD = "input.activityId"
_REQUIRED = {"name", "is_race", "hidden", "excluded"}
_LONGEST_NAME, _LONGEST_TEXT = 500, 10_000


async def update_activity(context: Context, wanted: UpdateActivityInput) -> UpdateActivityPayload:
    """Change the given fields; bests follow in the same transaction.

    Raises MutationRefused, CallerError.
    """
    require_scope(context, Scope.SYNC)
    activity_id = await find_own_id(context, "Activity", wanted.activity_id, _FIELD)
    values = _changes(wanted)
    athlete_id, recording_ids, changes = await context.database.writing(
        partial(_update, context, activity_id, values)
    )
    await tell_changes(context, athlete_id)
    context.forget()
    return UpdateActivityPayload(
        activity=await load_node_of(context, "Activity", wanted.activity_id, _FIELD),
        recordings=await load_recordings(context, recording_ids),
        personal_best_changes=await load_changes(context, athlete_id, changes),
    )


async def delete_activity(context: Context, wanted: DeleteActivityInput) -> DeleteActivityPayload:
    """Delete an activity, so that no sync and no import brings it back.

    Deleting it again changes nothing. Raises MutationRefused, CallerError.
    """
    require_scope(context, Scope.SYNC)
    activity_id = await _find_id(context, wanted.activity_id)
    athlete_id, run_ids, changes = await context.database.writing(
        partial(_delete, context, activity_id)
    )
    await tell_changes(context, athlete_id)
    context.forget()
    return DeleteActivityPayload(
        deleted_activity_id=strawberry.ID(encode_id("Activity", activity_id)),
        athlete=await load_athlete(context, athlete_id),
        recordings=await load_recordings(context, run_ids),
        personal_best_changes=await load_changes(context, athlete_id, changes),
    )


async def restore_activity(
    context: Context, wanted: RestoreActivityInput
) -> RestoreActivityPayload:
    """Let a deleted activity come back, and start the job that fetches it again.

    Raises MutationRefused, CallerError.
    """
    require_scope(context, Scope.SYNC)
    activity_id = await _find_id(context, wanted.activity_id)
    key = RequestKey.from_input(context, "restoreActivity", wanted)
    displaced: list[RowMapping] = []
    athlete_id, started = await context.database.writing(
        partial(_restore, context, activity_id, key, displaced)
    )
    await tell_changes(context, athlete_id)
    await tell_displaced(context, displaced)
    if started:
        await hand_over(context, started)
    return RestoreActivityPayload(
        athlete=await load_athlete(context, athlete_id),
        job=await load_job(context, started.news["id"]) if started else None,
    )


async def _find_id(context: Context, global_id: str) -> int:
    """Get the row's id of an activity, which may have been deleted. Raises InvalidId.

    An id of a version before 0.3 that finds nothing stays, so that nothing tells it from one of
    another athlete.
    """
    number = decode_id_of("Activity", global_id, _FIELD)
    if not is_old_id("Activity", number):
        return number
    found = await context.database.reading(
        lambda connection: connection.execute(deleted_activity.of_old_id(), {"old_id": number})
    )
    new_id: int | None = found.scalar()
    return number if new_id is None else new_id


async def _update(
    context: Context, activity_id: int, values: dict[str, Any], connection: AsyncConnection
) -> tuple[int, list[int], list[BestChange]]:
    """Returns the athlete, other recordings that changed, and the bests that changed."""
    owner = await lock_own_activity(context, connection, activity_id, _FIELD)
    edited = {"activity": activity_id}
    was_excluded = (await connection.execute(activity_edit.excluded_before(), edited)).scalar_one()
    values = dict(values)
    hidden = values.pop("hidden", None)
    if values.get("gear_id") is not None:
        mine = {"gear": values["gear_id"], "athlete": owner.athlete_id}
        if (await connection.execute(activity_edit.owns_gear(), mine)).first() is None:
            raise not_found("input.gearId", "gear")
    if values:
        changed = {"changed_activity_id": activity_id}
        await connection.execute(activity_edit.edit(values), changed)
    hidden_ids: list[int] = []
    if hidden is not None:
        of_run = await connection.execute(
            activity_edit.set_hidden(hidden=hidden), {"run": owner.run_id}
        )
        hidden_ids = list(of_run.scalars())
    changes: list[BestChange] = []
    if hidden_ids or values.get("excluded", was_excluded) != was_excluded:
        others_of_run = await connection.execute(
            activity_edit.others_of_run(), {"run": owner.run_id, "activity": activity_id}
        )
        run = [activity_id, *others_of_run.scalars()]
        changes = await recalculate(connection, owner.athlete_id, run)
    noted = [activity_id, *hidden_ids]
    await note_changes(connection, owner.athlete_id, changes, activities=noted)
    others = [each for each in hidden_ids if each != activity_id]
    return owner.athlete_id, await in_order(connection, others), changes


async def _delete(
    context: Context, activity_id: int, connection: AsyncConnection
) -> tuple[int, list[int], list[BestChange]]:
    """Returns the athlete, the other recordings of the run, and the bests that changed."""
    try:
        owner = await lock_own_activity(context, connection, activity_id, _FIELD)
    except MutationRefused:
        # deleted before, or by a request that held the lock
        found = await connection.execute(deleted_activity.owner_of(), {"activity": activity_id})
        if (deleted := found.first()) and may_change(context, deleted.athlete_id):
            return deleted.athlete_id, [], []
        raise
    before = await bests_before_deletion(connection, owner.athlete_id, owner.run_id)
    *keeping, deletion = deleted_activity.delete_activity()
    for statement in keeping:
        await connection.execute(statement, {"activity": activity_id})
    rows = await connection.execute(deletion, {"activity": activity_id})
    gone, left = gone_and_left(rows)
    regrouped = await group_again(connection, owner.athlete_id, left)
    changes = await recalculate(connection, owner.athlete_id, regrouped.looked_at, before)
    changed = [*left, *regrouped.changed]
    await note_changes(connection, owner.athlete_id, changes, activities=changed, deleted=gone)
    return owner.athlete_id, await in_order(connection, left), changes


async def _restore(
    context: Context,
    activity_id: int,
    key: RequestKey | None,
    displaced: list[RowMapping],
    connection: AsyncConnection,
) -> tuple[int, StartedJob | None]:
    values = {"activity": activity_id}
    made = await key.take(connection) if key else None
    if made:
        started = await find_job(connection, made["job_id"]) if made["job_id"] else None
        return made["result_id"], started
    row = (await connection.execute(deleted_activity.owner_of(), values)).first()
    if row is None or not may_change(context, row.athlete_id):
        raise not_found(_FIELD, "deleted activity")
    athlete = {"athlete": row.athlete_id}
    with waiting_for_lock():
        await connection.execute(athletes.lock(), athlete)
    original_id = (await connection.execute(deleted_activity.kept_original(), values)).scalar()
    if not (await connection.execute(deleted_activity.restore(), values)).rowcount:
        raise not_found(_FIELD, "deleted activity")  # a request that held the lock restored it
    await note_changes(connection, row.athlete_id, [], of_athlete=True)
    started = None
    if original_id is not None:
        started = await _import_again(context, row.athlete_id, original_id, connection)
    elif (
        row.strava_id is not None
        and (await connection.execute(connections.of_athlete(), athlete)).first()
    ):
        await take_place(row.athlete_id, displaced, connection)
        started = await _sync_again(context, row, connection)
    if key:
        job_id = started.news["id"] if started else None
        await key.record(connection, job_id=job_id, result_id=row.athlete_id)
    return row.athlete_id, started


async def _sync_again(context: Context, row: Any, connection: AsyncConnection) -> StartedJob:
    """Fetch an activity from Strava. Raises MutationRefused."""
    arguments = {"mode": "INCREMENTAL", "activity_id": row.strava_id}
    arguments |= {"since": None, "until": None}
    wanted = JobRequest(JobKind.STRAVA_SYNC, row.athlete_id, arguments)
    started = await create_job(connection, context, wanted)
    if not started.created:
        message = "A sync is under way. Restore the activity when it has ended."
        raise MutationRefused(UserErrorCode.CONFLICT, message, _FIELD)
    await require_budget(context.write_rules(), row.athlete_id, connection)
    return started


async def _import_again(
    context: Context, athlete_id: int, original_id: int, connection: AsyncConnection
) -> StartedJob:
    """Read an activity from its file, which is kept. Raises MutationRefused."""
    arguments = {
        "uploads": [],
        "original": original_id,
        "visibility": Visibility.ONLY_ME.value,
    }
    started = await create_job(
        connection, context, JobRequest(JobKind.IMPORT, athlete_id, arguments)
    )
    if not started.created:
        message = "An import is under way. Restore the activity when it has ended."
        raise MutationRefused(UserErrorCode.CONFLICT, message, _FIELD)
    return started


def _changes(wanted: UpdateActivityInput) -> dict[str, Any]:
    """Map columns, and `hidden`, to the given values. Raises CallerError naming the field."""
    given, checks = wanted.given(), InputChecks()
    drop_forbidden_nulls(given, _REQUIRED, checks)
    if "name" in given:
        with checks.of_field():
            given["name"] = checked_text(
                given["name"], "input.name", min_length=1, max_length=_LONGEST_NAME, is_line=True
            )
    for name in ("description", "notes"):
        if name in given:
            with checks.of_field():
                text = checked_text(given[name], f"input.{name}", max_length=_LONGEST_TEXT)
                given[name] = text or None
    if given.get("gear_id") is not None:
        with checks.of_field():
            given["gear_id"] = decode_id_of("Gear", given["gear_id"], "input.gearId")
    checks.finish()
    return given
