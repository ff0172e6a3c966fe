"""The command that deletes an original."""

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import OriginalPlace, Scope
from db.original_files import OriginalUnreachable
from db.statements.files import original as statements
from graph.commands.authorization import not_found, require_scope
from graph.commands.best_changes import note_changes, tell_changes
from graph.commands.recording import load_recordings
from graph.context import Context
from graph.global_id import decode_id_of
from graph.types.enums import UserErrorCode
from graph.types.original_mutation import DeleteOriginalInput, DeleteOriginalPayload
from graph.types.payload import MutationRefused
from runtime.clock import utc_now

_FIELD = "input.id"
_RETRY = timedelta(minutes=1)

logger = logging.getLogger(__name__)


async def delete_original(context: Context, wanted: DeleteOriginalInput) -> DeleteOriginalPayload:
    """Delete a file that was kept; activities stay. Raises MutationRefused, CallerError.

    The file goes first, so that nothing is told to be deleted that is not; what interrupts that is
    mended by deleting again.
    """
    require_scope(context, Scope.SYNC)
    original_id = decode_id_of("Original", wanted.id, _FIELD)
    values = {"original": original_id}
    found = await context.database.reading(
        lambda connection: connection.execute(statements.owner_and_place(), values)
    )
    row = found.one_or_none()
    if row is None or not context.viewer.sees_unshared(row.athlete_id):
        raise not_found(_FIELD, "original")
    if row.place != OriginalPlace.DATABASE.value:
        await _remove_file(context, row.place, original_id)

    async def delete(connection: AsyncConnection) -> list[int]:
        activity_ids = list(
            (await connection.execute(statements.activities_of(), values)).scalars()
        )
        await connection.execute(statements.remove(), values)
        await note_changes(connection, row.athlete_id, [], activities=activity_ids)
        return activity_ids

    activity_ids = await context.database.writing(delete)
    await tell_changes(context, row.athlete_id)
    context.forget()
    return DeleteOriginalPayload(
        deleted_id=wanted.id, activities=await load_recordings(context, activity_ids)
    )


async def _remove_file(context: Context, place: str, original_id: int) -> None:
    try:
        await asyncio.to_thread(context.originals.remove, place, original_id)
    except OriginalUnreachable as error:
        logger.warning("an original cannot be deleted", extra={"error": str(error)})
        raise MutationRefused(
            UserErrorCode.UNAVAILABLE,
            "The file cannot be deleted now, because the place where it is does not answer. "
            "Nothing was deleted; try again.",
            retry_at=utc_now() + _RETRY,
        ) from None
