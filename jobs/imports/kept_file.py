"""A kept original as a file that is to be read again."""

from io import BytesIO
from typing import Any

from db.original_codec import CorruptOriginal, unpacked
from db.original_files import OriginalMissing, StoredOriginals
from jobs.imports.reading_processes import FileToRead
from recordings import RecordingError, UnreadableFile
from recordings.strava_list import ListedActivity


def file_of(originals: StoredOriginals, number: int, row: Any, name: str) -> FileToRead:
    """Make the file `number` of a row of `original.find`; the row is None if it was deleted since.

    Then the file is called `name`. Raises OriginalUnreachable.
    """
    if row is None:
        return FileToRead(number, name, UnreadableFile(name, "it was deleted since.", ""))
    listed = ListedActivity(**row.listed) if row.listed else None
    return FileToRead(number, row.file_name, _content_of(originals, row), listed)


def _content_of(originals: StoredOriginals, row: Any) -> BytesIO | RecordingError:
    try:
        return BytesIO(b"".join(unpacked(originals.content_of(row))))
    except CorruptOriginal as error:
        return UnreadableFile(row.file_name, f"it is damaged: {error}.", "")
    except OriginalMissing as error:
        return UnreadableFile(row.file_name, f"{error}.", "")
