"""Which activity a sync of a single one is of."""

from sqlalchemy.ext.asyncio import AsyncConnection

from db.statements.activities import deleted_activity
from graph.commands.authorization import not_found
from graph.context import Context
from graph.errors import InvalidArgument
from graph.global_id import decode_id
from graph.types.activity import Activity
from graph.types.enums import UserErrorCode
from graph.types.job_mutation import SyncStravaInput
from graph.types.node_lookup import load_node_of
from graph.types.payload import MutationRefused

_MAX_STRAVA_ID = 2**63 - 1
_DELETED = (
    "The activity was deleted here, so no sync brings it back. Use restoreActivity, with an id of "
    "`Athlete.deletedActivities`."
)


async def activity_to_sync(context: Context, wanted: SyncStravaInput) -> int | None:
    """Get the Strava id of the only activity to sync; None where it is not only one.

    Raises InvalidArgument, MutationRefused.
    """
    chosen, older = wanted.activity, wanted.activity_id
    if chosen is None:
        if older is None:
            return None
        return _number(older) or await _strava_id_of(context, older, "input.activityId")
    if older is not None:
        raise InvalidArgument(
            "input.activityId", "is an older form of `input.activity`. Pass one of the two."
        )
    if not isinstance(chosen.strava_id, str):  # then the other one is given
        return await _strava_id_of(context, chosen.id or "", "input.activity.id")
    number = _number(chosen.strava_id)
    if number is None:
        raise InvalidArgument(
            "input.activity.stravaId",
            "is not an id of Strava, which is a number. Copy it from the address of the activity "
            "there, or pass `id`.",
        )
    return number


def _number(text: str) -> int | None:
    """Read an id of Strava; None if the text is none."""
    is_number = text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_STRAVA_ID
    return int(text) if is_number else None


async def _strava_id_of(context: Context, global_id: str, field: str) -> int:
    """Get the Strava id of an activity. Raises InvalidId, MutationRefused."""
    decode_id(global_id, field)
    found: Activity | None = await load_node_of(context, "Activity", global_id, field)
    if found is None or found.strava_id is None:
        raise not_found(field, "activity from Strava")
    return int(found.strava_id)


async def require_not_deleted(
    connection: AsyncConnection, athlete_id: int, strava_id: int, wanted: SyncStravaInput
) -> None:
    """Refuse to sync an activity that the athlete deleted here. Raises MutationRefused."""
    values = {"athlete": athlete_id, "strava_ids": [strava_id]}
    if (await connection.execute(deleted_activity.among(), values)).first() is not None:
        field = "input.activity" if wanted.activity else "input.activityId"
        raise MutationRefused(UserErrorCode.CONFLICT, _DELETED, field)
