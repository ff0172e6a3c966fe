"""Commands that create and change gear."""

from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements.activities import activity_edit
from db.statements.activities import gear as statements
from db.statements.athletes import athlete as athletes
from db.statements.strava import strava_connection as connections
from graph.commands.athlete import load_athlete
from graph.commands.authorization import may_change, not_found, own_athlete, require_scope
from graph.commands.best_changes import note_changes, tell_changes
from graph.commands.idempotency import RequestKey
from graph.context import Context
from graph.errors import InvalidArgument
from graph.global_id import decode_id_of, encode_id
from graph.input_checks import InputChecks, checked_text, drop_forbidden_nulls
from graph.types.enums import UserErrorCode
from graph.types.gear_mutation import (
    CreateGearInput,
    DeleteGearInput,
    DeleteGearPayload,
    GearPayload,
    UpdateGearInput,
)
from graph.types.node_lookup import load_node_of
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock

_FIELD, _NAME, _ATHLETE = "input.gearId", "input.name", "input.athleteId"
_REPLACEMENT = "input.replacementId"
_LONGEST_NAME = 100
_MOST = statements.MOST_OF_ATHLETE
_TOO_MANY = (
    f"The athlete has {_MOST} shoes, the most there may be. Rename some that are no longer used "
    "with `updateGear`, or delete them with `deleteGear`."
)
_OF_STRAVA = (
    "Strava tells of these shoes, so the next sync would bring them back. Retire them with "
    "`updateGear`, or delete them on Strava."
)


async def create_gear(context: Context, wanted: CreateGearInput) -> GearPayload:
    """Create shoes of an athlete. Raises MutationRefused, CallerError."""
    athlete_id = await own_athlete(context, wanted.athlete_id, _ATHLETE)
    name = checked_text(wanted.name, _NAME, min_length=1, max_length=_LONGEST_NAME, is_line=True)
    key = RequestKey.from_input(context, "createGear", wanted)

    async def create(connection: AsyncConnection) -> int:
        if key and (made := await key.take(connection)):
            found: int = made["result_id"]
            return found
        values = {"athlete": athlete_id, "new_name": name}
        with waiting_for_lock():  # so that no one else takes the name
            await connection.execute(athletes.lock(), values)
        await _refuse_taken_name(connection, values)
        if (await connection.execute(statements.count(), values)).scalar_one() >= _MOST:
            raise MutationRefused(UserErrorCode.CONFLICT, _TOO_MANY, _ATHLETE)
        gear_id: int = (await connection.execute(statements.create(), values)).scalar_one()
        await note_changes(connection, athlete_id, [], of_athlete=True)
        if key:
            await key.record(connection, result_id=gear_id)
        return gear_id

    gear_id = await context.database.writing(create)
    await tell_changes(context, athlete_id)
    return await _payload(context, encode_id("Gear", gear_id))


async def update_gear(context: Context, wanted: UpdateGearInput) -> GearPayload:
    """Rename gear, or retire it. Raises MutationRefused, CallerError."""
    require_scope(context, Scope.SYNC)
    gear_id = decode_id_of("Gear", wanted.gear_id, _FIELD)
    given, checks = wanted.given(), InputChecks()
    drop_forbidden_nulls(given, set(given), checks)
    if "name" in given:
        with checks.of_field():
            given["name"] = checked_text(
                given["name"], _NAME, min_length=1, max_length=_LONGEST_NAME, is_line=True
            )
    checks.finish()
    athlete_id = await context.database.writing(partial(_update, context, gear_id, given))
    await tell_changes(context, athlete_id)
    return await _payload(context, wanted.gear_id)


async def delete_gear(context: Context, wanted: DeleteGearInput) -> DeleteGearPayload:
    """Delete gear; its activities get other gear, or none. Raises MutationRefused, CallerError."""
    require_scope(context, Scope.SYNC)
    gear_id = decode_id_of("Gear", wanted.gear_id, _FIELD)
    new_id = None
    if wanted.replacement_id is not None:
        new_id = decode_id_of("Gear", wanted.replacement_id, _REPLACEMENT)
        if new_id == gear_id:
            raise InvalidArgument(
                _REPLACEMENT, "is the gear to delete. Pass other gear, or omit it."
            )
    athlete_id, count = await context.database.writing(partial(_delete, context, gear_id, new_id))
    await tell_changes(context, athlete_id)
    context.forget()
    replacement = wanted.replacement_id and await load_node_of(
        context, "Gear", wanted.replacement_id, _REPLACEMENT
    )
    return DeleteGearPayload(
        deleted_gear_id=wanted.gear_id,
        athlete=await load_athlete(context, athlete_id),
        replacement=replacement or None,
        activity_count=count,
    )


async def _delete(
    context: Context, gear_id: int, new_id: int | None, connection: AsyncConnection
) -> tuple[int, int]:
    """Returns the athlete, and how many activities had the gear."""
    values = {"gear": gear_id, "new_gear": new_id}
    athlete_id = await _own(context, gear_id, connection)
    with waiting_for_lock():
        await connection.execute(athletes.lock(), {"athlete": athlete_id})
    row = (await connection.execute(statements.owner_of(), values)).one_or_none()
    if row is None:  # a request that held the lock deleted it
        raise not_found(_FIELD, "gear")
    mine = {"athlete": athlete_id}
    if new_id is not None:
        owned = await connection.execute(activity_edit.owns_gear(), {**mine, "gear": new_id})
        if owned.first() is None:
            raise not_found(_REPLACEMENT, "gear")
    if row.strava_id and (await connection.execute(connections.of_athlete(), mine)).first():
        raise MutationRefused(UserErrorCode.CONFLICT, _OF_STRAVA, _FIELD)
    changed = (await connection.execute(statements.replace(), values)).scalars().all()
    await connection.execute(statements.remove(), values)
    await note_changes(connection, athlete_id, [], activities=changed, of_athlete=True)
    return athlete_id, len(changed)


async def _own(context: Context, gear_id: int, connection: AsyncConnection) -> int:
    """Get the athlete of gear that the caller may change. Raises MutationRefused."""
    row = (await connection.execute(statements.owner_of(), {"gear": gear_id})).one_or_none()
    if row is None or not may_change(context, row.athlete_id):
        raise not_found(_FIELD, "gear")
    athlete_id: int = row.athlete_id
    return athlete_id


async def _update(
    context: Context, gear_id: int, given: dict[str, Any], connection: AsyncConnection
) -> int:
    """Returns the athlete."""
    athlete_id = await _own(context, gear_id, connection)
    values = {"athlete": athlete_id, "gear": gear_id, "new_name": given.get("name")}
    with waiting_for_lock():
        await connection.execute(athletes.lock(), values)
    if "name" in given:
        await _refuse_taken_name(connection, values)
    if given:
        changed = await connection.execute(statements.edit(given), {"changed_gear_id": gear_id})
        if not changed.rowcount:
            raise not_found(_FIELD, "gear")
        await note_changes(connection, athlete_id, [], of_athlete=True)
    return athlete_id


async def _refuse_taken_name(connection: AsyncConnection, values: dict[str, Any]) -> None:
    taken = await connection.execute(statements.others_named(), {"gear": None, **values})
    if taken.first() is not None:
        message = "The athlete has gear of this name, or did before it was renamed. Choose another."
        raise MutationRefused(UserErrorCode.CONFLICT, message, _NAME)


async def _payload(context: Context, global_id: str) -> GearPayload:
    context.forget()
    return GearPayload(gear=await load_node_of(context, "Gear", global_id, _FIELD))
