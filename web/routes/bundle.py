"""A page and its files, as a committed build has them: from here only, nothing from elsewhere."""

import asyncio
from functools import partial
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from runtime.single_flight import SingleFlight
from web.errors import HttpRefusal
from web.http.compression import Coding, coding_of, compress

_OF_THE_FILE = frozenset({"content-length", "accept-ranges"})
_MAX_CONDITION_BYTES = 1000
"""A longer `If-None-Match` is not read: browsers send one tag."""
_OF_PLAIN_TEXT = frozenset({"etag", "last-modified"})


_Key = tuple[str, Coding | None]


class BundleFiles(StaticFiles):
    """Serves the files of a build.

    Their names contain a hash of the content, so browsers may keep them. Each is read, and perhaps
    compressed, at its first request. The few results are kept: all responses share the bytes, and a
    client that does not read holds none of its own.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._kept: dict[_Key, memoryview] = {}
        self._reading = SingleFlight[_Key, memoryview]()

    async def get_response(self, path: str, scope: Scope) -> Response:
        headers = dict(scope["headers"])
        if len(headers.get(b"if-none-match", b"")) > _MAX_CONDITION_BYTES:
            scope = {**scope, "headers": []}
        response = await super().get_response(path, scope)
        coding = _coding(headers.get(b"accept-encoding")) if _is_text(path) else None
        if isinstance(response, FileResponse):
            left_out = _OF_THE_FILE if coding is None else _OF_THE_FILE | _OF_PLAIN_TEXT
            kept = {name: value for name, value in response.headers.items() if name not in left_out}
            if coding is not None:
                kept["content-encoding"] = coding
            response = Response(await self._read(path, response, coding), headers=kept)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["vary"] = "Accept-Encoding"
        return response

    async def _read(self, path: str, response: FileResponse, coding: Coding | None) -> memoryview:
        """Get a file's bytes, read once however many ask at once: a view says they are shared."""
        key = (path, coding)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = await self._reading.run(
                key, partial(asyncio.to_thread, _content, Path(response.path), coding)
            )
        return found


def bundle_page(folder: Path, policy: str) -> Response:
    """Make the answer with a build's page. `policy` is its Content-Security-Policy."""
    return HTMLResponse(
        (folder / "index.html").read_bytes(),
        headers={"content-security-policy": policy, "cache-control": "no-cache"},
    )


def _content(path: Path, coding: Coding | None) -> memoryview:
    content = path.read_bytes()
    return memoryview(content if coding is None else compress(content, coding))


def _coding(accept_encoding: bytes | None) -> Coding | None:
    try:
        return coding_of(accept_encoding).coding
    except HttpRefusal:
        return None


def _is_text(path: str) -> bool:
    return path.endswith((".js", ".css", ".svg"))
