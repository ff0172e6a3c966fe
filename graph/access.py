"""What a caller may change."""

from db.models import Scope
from db.statements import athlete as statements
from graph.context import Info
from graph.ids import decode_id_of
from graph.refusal import Refused
from graph.types.enums import UserErrorCode


def require_scope(info: Info, scope: Scope) -> None:
    """Check that the caller is signed in and has the scope. Raises Refused."""
    if info.context.viewer.account_id is None:
        raise Refused(UserErrorCode.UNAUTHENTICATED, "Sign in, or send an API token as `Authorization: Bearer …`.")
    if scope not in info.context.caller.scopes:
        raise Refused(UserErrorCode.FORBIDDEN, f"This needs the scope {scope.name}. Use a token that has it.")


async def own_athlete(info: Info, global_id: str, field: str) -> int:
    """Number of an athlete whose data the caller may change: their own, and for admins anybody's.

    Raises Refused, InvalidId.
    """
    require_scope(info, Scope.SYNC)
    athlete_id = decode_id_of("Athlete", global_id, field)
    viewer = info.context.viewer
    if viewer.is_admin:
        async with info.context.database.read() as connection:
            found = await connection.execute(statements.personal_data(), {"athlete_id": athlete_id})
            allowed = found.first() is not None
    else:
        allowed = athlete_id == viewer.athlete_id
    if not allowed:
        raise not_found(field, "athlete")
    return athlete_id


def not_found(field: str, what: str) -> Refused:
    """Make the refusal for what is absent or not the caller's: the two are not told apart."""
    return Refused(UserErrorCode.NOT_FOUND, f"There is no {what} with this id, or it is not yours.", field)
