"""The server's root path without the example app: it leads to GraphiQL or lists the addresses."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from settings import Settings
from web.routes.notice import is_for_people, page
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
    if is_for_people(request):
        about = f"This server answers GraphQL at {url}/graphql. It has no page for queries."
        return page("pacegraph", about, [("/auth/strava", "Sign in with Strava")])
    told = {
        "name": "pacegraph",
        "graphql": f"{url}/graphql",
        "websocket": f"ws{url.removeprefix('http')}/graphql",
        "signIn": f"{url}/auth/strava",
        "documentation": "README.md, schema.graphql and docs/ in the source of pacegraph",
    }
    return JSONResponse(told, headers={"vary": "Accept"})
