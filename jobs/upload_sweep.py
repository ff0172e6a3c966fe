"""Deletes the files of uploads that are no more."""

import logging
from itertools import islice

from db.session import SyncDatabase
from db.statements import upload as uploads
from runtime.upload_folder import UploadFolder
from settings import Settings

_AT_ONCE = 500

logger = logging.getLogger(__name__)


def sweep_files(settings: Settings, database: SyncDatabase) -> None:
    """Delete each file without a row: a row is made before its file. Raises DatabaseError."""
    folder = UploadFolder(settings)
    try:
        ids = folder.ids()
        while some := list(islice(ids, _AT_ONCE)):
            with database.read() as connection:
                found = connection.execute(uploads.existing(), {"uploads": some}).scalars()
                kept = frozenset(found)
            for upload_id in some:
                if upload_id not in kept:
                    folder.remove(upload_id)
    except OSError as error:
        logger.warning("the folder of uploads cannot be swept", extra={"error": str(error)})
