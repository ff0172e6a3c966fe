"""Fetches samples that are in files some at a time, before the transaction that reads them begins.

One request to S3 takes longer than all that is derived of an activity, and rows would stay locked
meanwhile.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from db.models import OriginalPlace
from db.original_files import FileAt, StoredOriginals

_MOST_BYTES = 64 * 2**20
"""Compressed bytes of files that are held at once; a single larger file is held too."""


class FetchedSamples(StoredOriginals):
    """Originals of which some were fetched; all others are read when they are asked for."""

    _fetched: dict[FileAt, bytes] | None = None

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
            found = zip(files, self.read_several(files), strict=True)
            self._fetched = {file: content for file, content in found if content is not None}
        return len(first)

    def read(self, place: OriginalPlace, number: int) -> bytes:
        fetched = (self._fetched or {}).get((place, number))
        return super().read(place, number) if fetched is None else fetched


def _as_many_as_fit(rows: Sequence[Any]) -> Sequence[Any]:
    ends = accumulate(row.packed_bytes or 0 for row in rows)
    fitting = sum(end <= _MOST_BYTES for end in ends)
    return rows[: max(1, fitting)]
