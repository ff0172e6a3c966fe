"""The GraphiQL page, from the bundle in web/graphiql (see its README). It loads nothing else."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from web.routes.bundle import BundleFiles, bundle_page

_BUNDLE = Path(__file__).parents[1] / "graphiql" / "dist"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' "
    "data:; img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


async def _page(_: Request) -> Response:
    return bundle_page(_BUNDLE, _CONTENT_SECURITY_POLICY)


def graphiql_routes() -> list[Route | Mount]:
    """Make the routes of the page and its files."""
    return [
        Route("/graphiql", _page),
        Mount("/graphiql/assets", BundleFiles(directory=_BUNDLE / "assets")),
    ]
