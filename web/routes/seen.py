"""What the server sees of a request, for `pacegraph doctor --through`, which signs its address."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from web.auth.signed_links import SignedLinks
from web.errors import HttpRefusal
from web.services import services_of

PATH = "/doctor"
PURPOSE = "doctor"

router = APIRouter()


class SeenUnknown(HttpRefusal):
    """The address is not signed with this server's SECRET_KEY, or its time is over."""

    status, code = 404, "NOT_FOUND"


@router.get(f"{PATH}/{{token}}", include_in_schema=False)
async def seen(request: Request, token: str) -> JSONResponse:
    """Tell which client, scheme and host this request seems to have. Raises SeenUnknown."""
    services = services_of(request)
    if SignedLinks.from_settings(services.settings, PURPOSE).read(token) is None:
        raise SeenUnknown("There is nothing at this address.")
    peer, port = request.scope.get("client") or ("", 0)
    return JSONResponse(
        {
            "peer": peer,
            "port": port,
            "isTrusted": services.addresses.of_peer(peer) is None,
            "address": services.addresses.of(request.scope),
            "scheme": services.addresses.scheme_of(request.scope),
            "host": request.headers.get("host", ""),
            "isForwarded": "x-forwarded-for" in request.headers,
            "bodyMaxBytes": services.settings.body_max_bytes,
        }
    )
