"""Checks of what a caller may change."""

from db.models import Scope
from db.statements import athlete as statements
from graph.context import Context
from graph.global_id import decode_id_of
from graph.types.enums import UserErrorCode
from graph.types.payload import MutationRefused


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


def not_found(field: str, what: str) -> MutationRefused:
    """Make the refusal for an absent object. One of another athlete looks the same."""
    return MutationRefused(
        UserErrorCode.NOT_FOUND, f"There is no {what} with this id, or it is not yours.", field
    )
