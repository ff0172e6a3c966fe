"""Deletes files of uploads and exports without a row.

Rows that have expired are deleted by `remove_expired` of `db/statements/upload.py` and `export.py`.
"""

import logging
from itertools import islice

from sqlalchemy import Executable

from db.session import SyncDatabase
from db.statements import export as exports
from db.statements import upload as uploads
from runtime.export_folder import ExportFolder
from runtime.row_folder import RowFolder
from runtime.upload_folder import UploadFolder
from settings import Settings

_AT_ONCE = 500

logger = logging.getLogger(__name__)


def sweep_files(settings: Settings, database: SyncDatabase) -> None:
    """Delete each file without a row: a row is made before its file. Raises DatabaseError."""
    _sweep(UploadFolder(settings), database, uploads.existing(), "uploads")
    _sweep(ExportFolder(settings), database, exports.existing(), "exports")


def _sweep(folder: RowFolder, database: SyncDatabase, existing: Executable, name: str) -> None:
    """Delete the files of which `existing` finds no row among the ids in the parameter `name`."""
    try:
        ids = folder.ids()
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
