"""The content of originals, in the database, a folder or a bucket.

A file outside of the database is announced in `original_removals` before it is written, and the
transaction that makes its row withdraws that; so nothing that was written is forgotten.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from db.models import OriginalPlace
from runtime.errors import PacegraphError
from runtime.original_bucket import BucketError, OriginalBucket
from runtime.original_folder import OriginalFolder
from settings import Settings

REQUESTS_AT_ONCE = 8
"""Files that one process writes or reads side by side."""

FileAt = tuple[OriginalPlace, int]
"""A file outside of the database: its place and number."""


class OriginalUnreachable(PacegraphError):
    """A file cannot be written, read or deleted now. `said` tells athletes, `str()` operators."""

    def __init__(self, said: str, reason: str) -> None:
        super().__init__(f"{said}: {reason}")
        self.said = said


class OriginalMissing(PacegraphError):
    """A file is not where it was put. `str()` is fit for athletes."""

    def __init__(self) -> None:
        super().__init__("it is not where it was put (ORIGINALS_FOLDER, ORIGINALS_S3_BUCKET)")


class StoredOriginals:
    """Writes, reads and deletes. Methods raise OriginalUnreachable."""

    def __init__(self, settings: Settings) -> None:
        self._folder, self._bucket = OriginalFolder(settings), OriginalBucket(settings)

    def write(self, place: OriginalPlace, number: int, packed: bytes) -> None:
        """Write the compressed content of an announced original, outside of the database."""
        try:
            if place is OriginalPlace.FOLDER:
                self._folder.write(number, packed)
            else:
                self._bucket.write(number, packed)
        except (OSError, BucketError) as error:
            raise _unreachable(error) from None

    def content_of(self, row: Any) -> bytes:
        """Get the compressed content of a row with `id`, `place` and `content`.

        Raises OriginalMissing too.
        """
        if row.place == OriginalPlace.DATABASE.value:
            content: bytes = row.content
            return content
        return self.read(OriginalPlace(row.place), row.id)

    def read(self, place: OriginalPlace, number: int) -> bytes:
        """Get the compressed content of an original outside of the database.

        Raises OriginalMissing too.
        """
        try:
            if place is OriginalPlace.FOLDER:
                return self._folder.path_of(number).read_bytes()
            return self._bucket.read(number)
        except FileNotFoundError:
            raise OriginalMissing from None
        except (OSError, BucketError) as error:
            raise _unreachable(error) from None

    def read_several(self, files: Sequence[FileAt]) -> list[bytes | None]:
        """Get the compressed contents of files, some side by side; None for one that is missing."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
            return list(threads.map(self._read_if_there, files))

    def _read_if_there(self, file: FileAt) -> bytes | None:
        try:
            return self.read(*file)
        except OriginalMissing:
            return None

    def remove(self, place: OriginalPlace, number: int) -> None:
        """Delete the file of an original; it is no error if it is gone, or in the database."""
        try:
            if place is OriginalPlace.FOLDER:
                self._folder.destroy(number)
            elif place is OriginalPlace.S3:
                self._bucket.remove(number)
        except (OSError, BucketError) as error:
            raise _unreachable(error) from None


def _unreachable(error: OSError | BucketError) -> OriginalUnreachable:
    if isinstance(error, BucketError):
        return OriginalUnreachable("the S3 server did not take the request", str(error))
    return OriginalUnreachable("ORIGINALS_FOLDER cannot be used", error.strerror or repr(error))
