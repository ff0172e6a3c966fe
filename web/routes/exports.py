"""Downloads of archives, at the addresses that `Job.export` gives.

The address is the permission: it names a random token, and ends with the archive.
"""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.export_downloads import PATH
from web.services import services_of

router = APIRouter()


@router.get(f"{PATH}/{{token}}", summary="Download an archive, or a part of it with `Range`")
@router.head(f"{PATH}/{{token}}", include_in_schema=False)
async def download(request: Request, token: str) -> Response:
    """Send the archive, or the part that `Range` names."""
    services = services_of(request)
    row, _ = await services.limits.link_reads.paid(
        (PATH, token), request.scope, partial(services.exports.find, token), is_signed=False
    )
    return await services.exports.answer(row)
