"""GraphiQL, from the bundle that is shipped (web/graphiql/README.md): nothing is loaded from elsewhere."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_BUNDLE = Path(__file__).parent / "graphiql" / "dist"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class _Assets(StaticFiles):
    """The bundle's files. Their names hold a hash of their content, so browsers keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response


async def _page(_: Request) -> Response:
    return FileResponse(
        _BUNDLE / "index.html",
        headers={
            "content-security-policy": _CONTENT_SECURITY_POLICY,
            "cache-control": "no-cache",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        },
    )


def graphiql_routes() -> list[Route | Mount]:
    """Make the routes of the page and of its files."""
    return [Route("/graphiql", _page), Mount("/graphiql/assets", _Assets(directory=_BUNDLE / "assets"))]
