"""The server's root path without the example app: it leads to GraphiQL or lists the addresses."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from settings import Settings
from web.services import services_of

_GRAPHIQL = "/graphiql"
_ROOT = "/"

router = APIRouter()


def home_of(settings: Settings) -> str:
    """Get the path to redirect people to: GraphiQL, or the root if GraphiQL is off."""
    return _GRAPHIQL if settings.graphiql == "on" else _ROOT


@router.api_route(_ROOT, methods=["GET", "HEAD"], include_in_schema=False)
async def root(request: Request) -> Response:
    """Redirect to GraphiQL; if it is off, list the addresses."""
    settings = services_of(request).settings
    if settings.graphiql == "on":
        return RedirectResponse(_GRAPHIQL, 303)
    url = settings.url
    return JSONResponse({
        "name": "pacegraph",
        "graphql": f"{url}/graphql",
        "websocket": f"ws{url.removeprefix('http')}/graphql",
        "signIn": f"{url}/auth/strava",
        "documentation": "README.md, schema.graphql and docs/ in the source of pacegraph",
    })  # fmt: skip
