"""Checks of what a caller may change."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements.activities import activity as activities
from db.statements.athletes import athlete as statements
from graph.context import Context
from graph.global_id import decode_id_of
from graph.types.enums import UserErrorCode
from graph.types.node_lookup import find_row_id
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock


def require_scope(context: Context, scope: Scope) -> None:
    """Check that the caller is signed in and has the scope. Raises MutationRefused."""
    if context.viewer.account_id is None:
        raise MutationRefused(UserErrorCode.UNAUTHENTICATED, context.how_to_sign_in)
    if scope not in context.caller.scopes:
        raise MutationRefused(
            UserErrorCode.FORBIDDEN,
            f"This requires the scope {scope.name}. Use a token that has it.",
        )


async def own_athlete(context: Context, global_id: str, field: str) -> int:
    """Get the number of an athlete that the caller may change. Admins may change all.

    Raises MutationRefused, InvalidId.
    """
    require_scope(context, Scope.SYNC)
    athlete_id = decode_id_of("Athlete", global_id, field)
    viewer = context.viewer
    if viewer.is_admin:
        found = await context.database.reading(
            lambda connection: connection.execute(
                statements.personal_data(), {"athlete_id": athlete_id}
            )
        )
        allowed = found.first() is not None
    else:
        allowed = athlete_id == viewer.athlete_id
    if not allowed:
        raise not_found(field, "athlete")
    return athlete_id


def may_change(context: Context, athlete_id: int) -> bool:
    """Tell whether the caller may change an athlete's data: their own; admins those of all."""
    return context.viewer.is_admin or athlete_id == context.viewer.athlete_id


async def find_own_id(context: Context, type_name: str, global_id: str, field: str) -> int:
    """Get the row's id of an object that the caller changes. Raises MutationRefused, InvalidId.

    Whether there is such a row, and it is the caller's, is still to be checked.
    """
    number = await find_row_id(context, type_name, global_id, field)
    if number is None:
        raise not_found(field, type_name.lower())
    return number


async def lock_own_activity(
    context: Context, connection: AsyncConnection, activity_id: int, field: str
) -> Any:
    """Lock the athlete of an activity; returns the row of `activity.owner_of`.

    Raises MutationRefused if there is none that the caller may change.
    """
    values = {"activity_id": activity_id}
    row = (await connection.execute(activities.owner_of(), values)).first()
    if row is None or not may_change(context, row.athlete_id):
        raise not_found(field, "activity")
    with waiting_for_lock():  # a sync may be recalculating the same athlete
        await connection.execute(statements.lock(), {"athlete": row.athlete_id})
    row = (await connection.execute(activities.owner_of(), values)).first()
    if row is None:
        raise not_found(field, "activity")
    return row


def not_found(field: str, what: str) -> MutationRefused:
    """Make the refusal for an absent object. One of another athlete looks the same."""
    return MutationRefused(
        UserErrorCode.NOT_FOUND, f"There is no {what} with this id, or it is not yours.", field
    )
