"""Deletes files of uploads, exports and originals without a row.

Rows that have expired are deleted by `remove_expired` of `db/statements/files/upload.py` and `export.py`.
"""

import logging
from itertools import islice
from time import monotonic

from sqlalchemy import Executable

from db.session import SyncDatabase
from db.statements.athletes import export as exports
from db.statements.files import original as originals
from db.statements.files import upload as uploads
from runtime.export_folder import ExportFolder
from runtime.original_folder import OriginalFolder
from runtime.row_folder import RowFolder
from runtime.upload_folder import UploadFolder
from settings import Settings

_AT_ONCE = 500
_LONGEST_COMMIT_S = 3600.0
"""From an original's file to the commit that makes its row; it takes seconds."""
_ORIGINALS_EVERY_S = 3600.0
"""Seconds between looks at originals, of which there may be very many."""

logger = logging.getLogger(__name__)


class FileSweep:
    """Deletes files without a row, of each folder as often as is due."""

    def __init__(self, settings: Settings, database: SyncDatabase) -> None:
        self._settings, self._database = settings, database
        self._originals_at = 0.0

    def run(self) -> None:
        """Delete each file without a row. Raises DatabaseError.

        A row is made before its file, but for originals, whose files are there before the commit.
        """
        self._sweep(UploadFolder(self._settings), uploads.existing(), "uploads")
        self._sweep(ExportFolder(self._settings), exports.existing(), "exports")
        if monotonic() >= self._originals_at:
            folder = OriginalFolder(self._settings)
            self._sweep(folder, originals.existing(), "originals", _LONGEST_COMMIT_S)
            self._originals_at = monotonic() + _ORIGINALS_EVERY_S

    def _sweep(
        self, folder: RowFolder, existing: Executable, name: str, least_age_s: float = 0
    ) -> None:
        """Delete the files of which `existing` finds no row among the ids in the parameter `name`."""
        try:
            ids = folder.ids()
            while some := list(islice(ids, _AT_ONCE)):
                with self._database.read() as connection:
                    found = connection.execute(existing, {name: some}).scalars()
                    kept = frozenset(found)
                for number in some:
                    if number not in kept and folder.age_s(number) >= least_age_s:
                        folder.destroy(number)
        except OSError as error:
            extra = {"folder": name, "error": str(error)}
            logger.warning("a folder of files cannot be swept", extra=extra)
