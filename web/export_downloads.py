"""Hands out archives of athletes' data, from the disk in small pieces."""

import os
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import anyio
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from db.session import AsyncDatabase
from db.statements.athletes import export as statements
from runtime.export_folder import ExportFolder
from settings import Settings
from web.download_slots import DownloadSlots
from web.errors import HttpRefusal

PATH = "/exports"
_LONGEST_TOKEN = 100


class ExportNotFound(HttpRefusal):
    status, code = 404, "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "There is no archive at this address, or its time is over. Make a new one with "
            "`exportAthlete`."
        )


class ExportElsewhere(HttpRefusal):
    status, code = 404, "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "The archive is not on this machine. Its operator has to let API and workers share "
            "EXPORTS_FOLDER."
        )


class ExportDownloads:
    """The downloads from this process."""

    def __init__(self, settings: Settings, database: AsyncDatabase) -> None:
        self._database = database
        self._folder = ExportFolder(settings)
        self.slots = DownloadSlots(settings)

    async def find(self, token: str) -> Any:
        """Find the row of the archive of a token. Raises ExportNotFound."""
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise ExportNotFound
        found = await self._database.reading(
            lambda connection: connection.execute(statements.find(), {"token": token})
        )
        row = found.one_or_none()
        if row is None:
            raise ExportNotFound
        return row

    async def answer(self, row: Any) -> Response:
        """Make the answer to a request for an archive. Raises ExportElsewhere."""
        path = self._folder.path_of(row.id)
        try:
            state = await anyio.to_thread.run_sync(os.stat, path)
        except OSError:
            raise ExportElsewhere from None
        ready_at = row.ready_at.astimezone(UTC)
        return _Download(
            self.slots,
            row.athlete_id,
            path,
            headers={
                "etag": f'"{row.id:x}"',
                "last-modified": format_datetime(ready_at, usegmt=True),
            },
            media_type="application/zip",
            filename=f"pacegraph-{ready_at:%Y-%m-%dT%H-%M-%SZ}.zip",
            stat_result=state,
        )


class _Download(FileResponse):
    """A file that is sent, or a part of it, while it holds a slot."""

    def __init__(
        self, slots: DownloadSlots, athlete_id: int, *arguments: object, **options: object
    ) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._slots, self._athlete_id = slots, athlete_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._slots.taken(self._athlete_id, scope, send) as paced:
            await super().__call__(scope, receive, paced)
