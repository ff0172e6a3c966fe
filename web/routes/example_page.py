"""The example app at `/`, from its build in web/example (sources: examples/web)."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from web.routes.bundle import BundleFiles, bundle_page

_BUNDLE = Path(__file__).parents[1] / "example" / "dist"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGES = (
    "/",
    "/runs/{id:path}",
    "/bests",
    "/bests/{distance}",
    "/training",
    "/shoes",
    "/upload",
    "/leaderboard",
    "/settings",
)
"""Paths that the app reads itself, all with the one page (`examples/web/src/pages.tsx`)."""


async def _page(_: Request) -> Response:
    return bundle_page(_BUNDLE, _CONTENT_SECURITY_POLICY)


def example_routes() -> list[Route | Mount]:
    """Make the routes of the app's pages and files."""
    return [
        *(Route(path, _page) for path in PAGES),
        Mount("/example/assets", BundleFiles(directory=_BUNDLE / "assets")),
    ]
