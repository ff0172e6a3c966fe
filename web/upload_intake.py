"""Takes the bytes of uploads: part after part, each where the last one ended.

A file's size on disk says how much is there, over all requests that brought it or broke off. A part
is written by one request at a time, in any process: it holds a lock on the file.
"""

import asyncio
import fcntl
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from errno import EDQUOT, ENOSPC
from typing import Any

from sqlalchemy import Executable
from starlette.types import Receive

from db.session import AsyncDatabase
from db.statements.files import upload as statements
from runtime.upload_folder import UploadFolder
from settings import Settings
from web.auth.signed_links import SignedLinks
from web.errors import BodyTooSlow
from web.upload_errors import (
    NoRoomForUploads,
    TooManyUploads,
    UploadBusy,
    UploadInUse,
    UploadNotFound,
    UploadTooLong,
    WrongOffset,
)

_WRITTEN_AT_ONCE = 1 << 20
LEAST_BYTES = 64 * 1024
"""What a part must bring in `upload_stall_s`, so that no one holds a place with a few bytes."""
_THREADS = 4
PATH = "/uploads"


@dataclass(frozen=True, slots=True)
class StagedFile:
    """An upload as its row says; `received` is what is on disk. `account_id` is its athlete's.

    `is_taken`: an import has the file.
    """

    id: int
    athlete_id: int
    account_id: int | None
    size: int
    received: int
    expires_at: datetime
    is_taken: bool

    @property
    def is_complete(self) -> bool:
        return self.received == self.size


class UploadIntake:
    """The uploads that come to this process."""

    def __init__(self, settings: Settings, database: AsyncDatabase) -> None:
        self._database = database
        self._folder = UploadFolder(settings)
        self._links = SignedLinks.from_settings(settings, "upload")
        self._url = settings.url
        self._stall_s = settings.upload_stall_s
        self._most = settings.uploads_at_once
        self._most_of_one = max(1, self._most // 2)
        self._under_way: Counter[int] = Counter()
        self.bytes = 0
        """Bytes that arrived since the process started."""
        self.refused = self.stalled = 0
        """Uploads refused because too many were under way, and ended as too slow, since then."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="upload")

    def url_of(self, upload_id: int, until: datetime) -> str:
        """Make the address that a file is sent to."""
        return f"{self._url}{PATH}/{self._links.token(upload_id, until)}"

    async def find(self, token: str) -> StagedFile:
        """Find the upload of an address, and record how much is there. Raises UploadNotFound."""
        upload_id = self._links.read(token)
        if upload_id is None:
            raise UploadNotFound
        found = await self._database.reading(
            lambda connection: connection.execute(statements.find(), {"upload": upload_id})
        )
        row = found.one_or_none()
        if row is None:
            raise UploadNotFound
        received = self._size_of(upload_id)
        if received != row.received_bytes:
            await self._record(upload_id, received)
        return StagedFile(
            upload_id,
            row.athlete_id,
            row.account_id,
            row.size_bytes,
            received,
            row.expires_at,
            row.job_id is not None,
        )

    async def take(
        self, staged: StagedFile, offset: int, receive: Receive, *, from_start: bool = False
    ) -> StagedFile:
        """Write a part that begins at `offset`; `from_start` drops what is there.

        Returns the upload as it is then, also if the client left in the middle. Raises HttpRefusal.
        """
        if staged.is_taken:
            raise UploadInUse
        with self._place(staged.athlete_id):
            async with self._opened(staged.id) as file:
                if from_start:
                    # From now on no import takes it for whole; one may have since it was found.
                    await self._changed(statements.begin_again(), staged.id)
                    os.ftruncate(file, 0)
                received = os.fstat(file).st_size
                if offset != received:
                    raise WrongOffset(received, {"upload-offset": str(received)})
                try:
                    await self._write(file, staged, offset, receive)
                finally:
                    received = os.fstat(file).st_size
                    await self._record(staged.id, received)
        return replace(staged, received=received)

    async def remove(self, staged: StagedFile) -> None:
        """Delete an upload. Raises UploadInUse if an import reads it."""
        await self._changed(statements.remove(), staged.id)
        self._folder.remove(staged.id)

    @property
    def under_way(self) -> int:
        """Uploads under way."""
        return self._under_way.total()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _place(self, athlete_id: int) -> Iterator[None]:
        """Take one of the places for uploads under way. Raises TooManyUploads."""
        own = self._under_way[athlete_id]
        if own >= self._most_of_one or self._under_way.total() >= self._most:
            self.refused += 1
            raise TooManyUploads
        self._under_way[athlete_id] += 1
        try:
            yield
        finally:
            self._under_way[athlete_id] -= 1
            if not self._under_way[athlete_id]:
                del self._under_way[athlete_id]

    @asynccontextmanager
    async def _opened(self, upload_id: int) -> AsyncIterator[int]:
        self._folder.make()
        try:
            file = os.open(self._folder.path_of(upload_id), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _refusal_of(error) from None
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadBusy from None
            yield file
        finally:
            os.close(file)

    async def _changed(self, statement: Executable, upload_id: int) -> None:
        """Execute what changes the row unless an import reads it. Raises UploadInUse."""
        changed = await self._database.writing(
            lambda connection: connection.execute(statement, {"upload": upload_id})
        )
        if changed.one_or_none() is None:
            raise UploadInUse

    async def _write(self, file: int, staged: StagedFile, at: int, receive: Receive) -> None:
        """Write a body as it comes. Raises HttpRefusal."""
        buffer, goes_on = bytearray(), True
        left_s, brought = self._stall_s, 0
        clock = asyncio.get_running_loop().time
        while goes_on:
            began_s = clock()
            try:
                async with asyncio.timeout(left_s):
                    message = await receive()
            except TimeoutError:
                self.stalled += 1
                await self._append(file, buffer, at)
                raise BodyTooSlow(self._stall_s) from None
            left_s -= clock() - began_s
            part = message.get("body", b"")
            goes_on = message["type"] == "http.request" and message.get("more_body", False)
            if at + len(buffer) + len(part) > staged.size:
                raise UploadTooLong(staged.size)
            buffer += part
            brought += len(part)
            if brought >= LEAST_BYTES:
                left_s, brought = self._stall_s, 0
            if len(buffer) >= _WRITTEN_AT_ONCE or not goes_on:
                await self._append(file, buffer, at)
                at += len(buffer)
                buffer.clear()
        if at == staged.size:
            await self._in_thread(os.fsync, file)

    async def _append(self, file: int, data: bytearray, at: int) -> None:
        try:
            await self._in_thread(_write_all, file, bytes(data), at)
            self.bytes += len(data)
        except OSError as error:
            raise _refusal_of(error) from None

    async def _in_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        """Wait for a call to its end, even if this is cancelled: then the file is closed."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        try:
            await asyncio.shield(done)
        finally:
            await asyncio.wait([done])

    async def _record(self, upload_id: int, received: int) -> None:
        values = {"upload": upload_id, "received": received}
        await self._database.writing(
            lambda connection: connection.execute(statements.record_received(), values)
        )

    def _size_of(self, upload_id: int) -> int:
        with suppress(FileNotFoundError):
            return self._folder.path_of(upload_id).stat().st_size
        return 0


def _write_all(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


def _refusal_of(error: OSError) -> Exception:
    return NoRoomForUploads() if error.errno in {ENOSPC, EDQUOT} else error
