"""GraphiQL, from the bundle that is shipped (web/graphiql/README.md): nothing is loaded from elsewhere."""

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from web.compression import Coding, coding_of, compress
from web.errors import NotAcceptable

_BUNDLE = Path(__file__).parent / "graphiql" / "dist"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_OF_THE_FILE = frozenset({"content-length", "etag", "last-modified", "accept-ranges"})


class _Assets(StaticFiles):
    """The bundle's files. Their names hold a hash of their content, so browsers keep them.

    They are compressed when they are first asked for; that is kept, for there are few of them.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._compressed: dict[tuple[str, Coding], bytes] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        headers = dict(scope["headers"])
        coding = _coding(headers.get(b"accept-encoding"))
        if coding is not None and isinstance(response, FileResponse) and b"range" not in headers and _is_text(path):
            kept = {name: value for name, value in response.headers.items() if name not in _OF_THE_FILE}
            response = Response(await self._read(path, response, coding), headers=kept | {"content-encoding": coding})
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["vary"] = "Accept-Encoding"
        return response

    async def _read(self, path: str, response: FileResponse, coding: Coding) -> bytes:
        found = self._compressed.get((path, coding))
        if found is None:
            found = await asyncio.to_thread(lambda: compress(Path(response.path).read_bytes(), coding))
            self._compressed[path, coding] = found
        return found


def _coding(accept_encoding: bytes | None) -> Coding | None:
    try:
        return coding_of(accept_encoding).coding
    except NotAcceptable:
        return None


def _is_text(path: str) -> bool:
    return path.endswith((".js", ".css", ".svg"))


async def _page(_: Request) -> Response:
    return FileResponse(
        _BUNDLE / "index.html",
        headers={
            "content-security-policy": _CONTENT_SECURITY_POLICY,
            "cache-control": "no-cache",
        },
    )


def graphiql_routes() -> list[Route | Mount]:
    """Make the routes of the page and of its files."""
    return [Route("/graphiql", _page), Mount("/graphiql/assets", _Assets(directory=_BUNDLE / "assets"))]
