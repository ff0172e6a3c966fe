"""Hands out originals: the files that recordings were read from, as they came."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Executable
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from db import moved_samples
from db.models import OriginalPlace
from db.moved_samples import PackedSamples, SamplesFile
from db.original_codec import unpacked
from db.original_files import OriginalMissing, OriginalUnreachable, StoredOriginals
from db.session import AsyncDatabase
from db.statements.files import original as statements
from graph.errors import SamplesUnavailable
from settings import Settings
from web.auth.windowed_links import WindowedLinks
from web.download_slots import DownloadSlots
from web.errors import HttpRefusal

PATH = "/originals"
_FETCHED_AT_ONCE = 8

logger = logging.getLogger(__name__)


class OriginalNotFound(HttpRefusal):
    status, code = 404, "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "There is no original at this address, or its time is over. Ask `Original.downloadUrl` "
            "for a new one."
        )


class OriginalElsewhere(HttpRefusal):
    status, code = 404, "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "The original is not where it was put. The operator has to bring it back, or let API "
            "and workers share ORIGINALS_FOLDER."
        )


class OriginalNotNow(HttpRefusal):
    status, code = 503, "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__(
            "The original cannot be read at the moment. Try again in a minute.",
            headers={"retry-after": "60"},
        )


class OriginalDownloads:
    """The downloads from this process."""

    def __init__(self, settings: Settings, database: AsyncDatabase) -> None:
        self._database = database
        self._files = StoredOriginals(settings)
        self._links = WindowedLinks.from_settings(settings, "original", settings.original_link_s)
        self._address = f"{settings.url}{PATH}/"
        self.slots = DownloadSlots(settings)
        # Of their own, so that a place that does not answer holds up nothing else.
        self._threads = ThreadPoolExecutor(_FETCHED_AT_ONCE, "samples")

    @property
    def link_parameters(self) -> Mapping[str, Any]:
        """Values of the parameters of `db.statements.files.original.download_url`."""
        begin, key = self._links.window()
        return {statements.LINK_ADDRESS.key: self._address + begin, statements.LINK_KEY.key: key}

    def remove(self, place: str, original_id: int) -> None:
        """Delete the file of an original. Raises OriginalUnreachable."""
        self._files.remove(OriginalPlace(place), original_id)

    async def samples(self, file: SamplesFile) -> PackedSamples:
        """Fetch samples from where originals are. Raises SamplesUnavailable, CorruptStreams."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, moved_samples.read, self._files, file)
        except (OriginalMissing, OriginalUnreachable) as error:
            logger.warning("samples cannot be fetched", extra={"error": str(error)})
            raise SamplesUnavailable from None

    async def find(self, token: str) -> Any:
        """Find what describes the original of a token. Raises OriginalNotFound."""
        original_id = self._links.read(token)
        if original_id is None:
            raise OriginalNotFound
        return await self._row(statements.describe(), original_id)

    def head(self, row: Any) -> Response:
        """Make the head of the answer to a request for an original."""
        return Response(headers=_headers(row))

    def answer(self, row: Any, pay: Callable[[int], None]) -> Response:
        """Make the answer to a request for an original. Raises HttpRefusal while it is sent.

        `pay` is told how many bytes were unpacked.
        """
        content = partial(self._content, row.id)
        return _UnpackedDownload(self.slots, row, content, pay)

    async def _content(self, original_id: int) -> bytes:
        """Get the compressed content. Raises HttpRefusal."""
        row = await self._row(statements.content(), original_id)
        try:
            return await run_in_threadpool(self._files.content_of, row)
        except OriginalMissing:
            raise OriginalElsewhere from None
        except OriginalUnreachable as error:
            logger.warning("an original cannot be read", extra={"error": str(error)})
            raise OriginalNotNow from None

    async def _row(self, statement: Executable, original_id: int) -> Any:
        found = await self._database.reading(
            lambda connection: connection.execute(statement, {"original": original_id})
        )
        row = found.one_or_none()
        if row is None:
            raise OriginalNotFound
        return row


class _UnpackedDownload(StreamingResponse):
    """A file that is read, and unpacked while it is sent, all of it while it holds a slot."""

    def __init__(
        self,
        slots: DownloadSlots,
        row: Any,
        read: Callable[[], Awaitable[bytes]],
        pay: Callable[[int], None],
    ) -> None:
        super().__init__((), headers=_headers(row))
        self._slots, self._row, self._read, self._pay = slots, row, read, pay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = self._slots.taken(
            self._row.athlete_id, scope, send, held_bytes=self._row.packed_bytes
        )
        async with taken as paced:
            self.body_iterator = self._unpacked(await self._read())
            await super().__call__(scope, receive, paced)

    async def _unpacked(self, packed: bytes) -> AsyncIterator[bytes]:
        """Unpack the file in parts, each paid as it is there: the client may leave."""
        async for part in iterate_in_threadpool(unpacked(packed)):
            self._pay(len(part))
            yield part


def _headers(row: Any) -> dict[str, str]:
    return {
        "content-length": str(row.size_bytes),
        "content-disposition": f"attachment; filename*=utf-8''{quote(row.file_name, safe='')}",
        "content-type": "application/octet-stream",
        "etag": f'"{row.digest.hex()}"',
    }
