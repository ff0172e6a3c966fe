"""Fetches samples that are in files some at a time, before the transaction that reads them begins.

One request to S3 takes longer than all that is derived of an activity, and rows would stay locked
meanwhile.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any

from db.models import OriginalPlace
from db.original_files import REQUESTS_AT_ONCE, OriginalMissing, StoredOriginals

_MOST_BYTES = 64 * 2**20
"""Compressed bytes of files that are held at once; a single larger file is held too."""

_File = tuple[OriginalPlace, int]


class FetchedSamples(StoredOriginals):
    """Originals of which some were fetched; all others are read when they are asked for."""

    _fetched: dict[_File, bytes] | None = None

    def fetch(self, rows: Sequence[Any]) -> int:
        """Fetch the files of the first rows, which take the place of those fetched before.

        The rows have `file_id`, `place` and `packed_bytes`, null without a file. Returns how many
        rows that is. Raises OriginalUnreachable; a file that is missing is not fetched.
        """
        self._fetched = None
        first = _as_many_as_fit(rows)
        files = [
            (OriginalPlace(row.place), row.file_id) for row in first if row.file_id is not None
        ]
        if files:
            with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(files))) as threads:
                contents = threads.map(self._read_if_there, files)
                found = zip(files, contents, strict=True)
                self._fetched = {file: content for file, content in found if content is not None}
        return len(first)

    def read(self, place: OriginalPlace, number: int) -> bytes:
        fetched = (self._fetched or {}).get((place, number))
        return super().read(place, number) if fetched is None else fetched

    def _read_if_there(self, file: _File) -> bytes | None:
        try:
            return super().read(*file)
        except OriginalMissing:
            return None


def _as_many_as_fit(rows: Sequence[Any]) -> Sequence[Any]:
    ends = accumulate(row.packed_bytes or 0 for row in rows)
    fitting = sum(end <= _MOST_BYTES for end in ends)
    return rows[: max(1, fitting)]
