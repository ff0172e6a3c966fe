"""The command that deletes an original."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements import original as statements
from graph.commands.authorization import not_found, require_scope
from graph.context import Context
from graph.global_id import decode_id_of
from graph.types.original import DeleteOriginalInput, DeleteOriginalPayload

_FIELD = "input.id"


async def delete_original(context: Context, wanted: DeleteOriginalInput) -> DeleteOriginalPayload:
    """Delete a file that was kept; activities stay. Raises MutationRefused, CallerError."""
    require_scope(context, Scope.SYNC)
    original_id = decode_id_of("Original", wanted.id, _FIELD)
    values = {"original": original_id}

    async def delete(connection: AsyncConnection) -> None:
        row = (await connection.execute(statements.owner_of(), values)).one_or_none()
        if row is None or not context.viewer.sees_unshared(row.athlete_id):
            raise not_found(_FIELD, "original")
        await connection.execute(statements.remove(), values)

    await context.database.writing(delete)
    # What cannot be deleted now, the reconciler deletes.
    await asyncio.to_thread(context.originals.remove, original_id)
    context.forget()
    return DeleteOriginalPayload(deleted_id=wanted.id)
