"""Downloads of originals, at the addresses that `Original.downloadUrl` gives.

The address is the permission: it is signed, and ends.
"""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.original_downloads import PATH
from web.services import services_of

router = APIRouter()


@router.get(f"{PATH}/{{token}}", summary="Download the file that a recording was read from")
@router.head(f"{PATH}/{{token}}", include_in_schema=False)
async def download(request: Request, token: str) -> Response:
    """Send the file as it came."""
    services = services_of(request)
    row, paid = await services.limits.link_reads.paid(
        (PATH, token), request.scope, partial(services.originals.find, token), is_signed=True
    )
    if request.method == "HEAD":
        return services.originals.head(row)
    return services.originals.answer(row, paid.pay_for_unpacked)
