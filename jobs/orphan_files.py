"""Deletes files of uploads, exports and originals without a row.

Rows that have expired are deleted by `remove_expired` of `db/statements/upload.py` and `export.py`.
"""

import logging
from itertools import islice

from sqlalchemy import Executable

from db.session import SyncDatabase
from db.statements import export as exports
from db.statements import original as originals
from db.statements import upload as uploads
from runtime.export_folder import ExportFolder
from runtime.original_folder import OriginalFolder
from runtime.row_folder import RowFolder
from runtime.upload_folder import UploadFolder
from settings import Settings

_AT_ONCE = 500
_LONGEST_COMMIT_S = 3600.0
"""From an original's file to the commit that makes its row; it takes seconds."""

logger = logging.getLogger(__name__)


def sweep_files(settings: Settings, database: SyncDatabase) -> None:
    """Delete each file without a row. Raises DatabaseError.

    A row is made before its file, but for originals, whose files are there before the commit.
    """
    _sweep(UploadFolder(settings), database, uploads.existing(), "uploads")
    _sweep(ExportFolder(settings), database, exports.existing(), "exports")
    _sweep(OriginalFolder(settings), database, originals.existing(), "originals", _LONGEST_COMMIT_S)


def _sweep(
    folder: RowFolder,
    database: SyncDatabase,
    existing: Executable,
    name: str,
    least_age_s: float = 0,
) -> None:
    """Delete the files of which `existing` finds no row among the ids in the parameter `name`."""
    try:
        ids = folder.ids(least_age_s)
        while some := list(islice(ids, _AT_ONCE)):
            with database.read() as connection:
                found = connection.execute(existing, {name: some}).scalars()
                kept = frozenset(found)
            for number in some:
                if number not in kept:
                    folder.destroy(number)
    except OSError as error:
        extra = {"folder": name, "error": str(error)}
        logger.warning("a folder of files cannot be swept", extra=extra)
