"""Keeps the files that activities were read from, as they came, where ORIGINALS says."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from db.models import OriginalPlace
from db.original_files import OriginalUnreachable, StoredOriginals
from db.statements.files import original as statements
from db.statements.files import original_removal as removals
from db.statements.new_rows import new_ids
from jobs.imports.packed_file import PackedFile
from jobs.imports.prepared_file import PreparedFile
from jobs.imports.rules_version import RULES_VERSION
from settings import Settings

_GZIP = ".gz"
_TOO_LARGE = "it is too large to be kept"
_FULL = (
    "the athlete's originals take as much room as they may (ORIGINALS_MAX_BYTES); delete some with "
    "`deleteOriginal`"
)
_LATE = "it was written too late. Import the file again to keep it"
_LONGEST_COMMIT_S = 3600.0
"""From the announcement of a file to the commit that makes its row; it takes seconds."""
_PAUSE_S = 30.0
"""For how long what failed is not tried again: an import has thousands of files."""

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Writes(Protocol):
    """Runs transactions. A step may run several times."""

    def write(self, step: Callable[[Connection], T]) -> T: ...


class Originals:
    """Writes originals of an import: rows in the transactions that write what was read from them.

    Files outside of the database are written before, because that may take long.
    """

    def __init__(self, settings: Settings) -> None:
        self._most_bytes = settings.originals_max_bytes
        self._place = OriginalPlace(settings.originals.upper())
        self._files = StoredOriginals(settings)
        self._written: dict[bytes, int] = {}
        self._problems: dict[bytes, str] = {}
        self._paused = (0.0, "")

    @classmethod
    def from_settings(cls, settings: Settings) -> "Originals | None":
        """Make one; None with ORIGINALS=off."""
        return None if settings.originals == "off" else cls(settings)

    def write_files(
        self, transactions: Writes, athlete_id: int, files: Iterable[PreparedFile]
    ) -> None:
        """Write those of `files` that go outside of the database. Raises DatabaseError.

        What cannot be written is not kept; `keep` tells why.
        """
        found = _to_keep(files)
        self._problems = {}
        # An interrupted transaction is tried again, in parts.
        self._written = {digest: n for digest, n in self._written.items() if digest in found}
        new = {digest: each for digest, each in found.items() if digest not in self._written}
        if self._place is OriginalPlace.DATABASE or not new:
            return
        wanted = transactions.write(partial(self._announce, athlete_id=athlete_id, files=new))
        for digest, number in wanted.items():
            packed = new[digest].packed
            assert packed is not None
            problem = self._write_file(number, packed)
            if problem is None:
                self._written[digest] = number
            else:
                self._problems[digest] = problem

    def keep(
        self, connection: Connection, athlete_id: int, files: Iterable[PreparedFile]
    ) -> Mapping[bytes, str]:
        """Keep those of `files` that are not kept yet; tells why others are not, by digest.

        The athlete's row is locked.
        """
        files = list(files)
        found = _to_keep(files)
        fitting, problems = self._fitting(connection, athlete_id, found)
        numbers = self._numbers(connection, fitting, problems)
        rows = []
        for each in files:
            if each.digest is not None and each.digest in numbers:
                number, packed = numbers.pop(each.digest), fitting[each.digest]
                rows.append(self._row(athlete_id, each, number, packed))
        if rows:
            connection.execute(statements.keep(), rows)
        return problems

    def _fitting(
        self, connection: Connection, athlete_id: int, found: Mapping[bytes, PackedFile]
    ) -> tuple[dict[bytes, PackedFile], dict[bytes, str]]:
        """Choose what is not kept yet and has room; tells why the rest has none."""
        if not found:
            return {}, {}
        values = {"athlete": athlete_id, "digests": list(found)}
        kept = frozenset(connection.execute(statements.kept(), values).scalars())
        taken = connection.execute(statements.room_taken(), values).scalar() or 0
        fitting, problems = {}, {}
        for digest, each in found.items():
            if digest in kept:
                continue
            if each.packed is None:
                problems[digest] = _TOO_LARGE
            elif taken + each.packed_bytes > self._most_bytes:
                problems[digest] = _FULL
            else:
                taken += each.packed_bytes
                fitting[digest] = each
        return fitting, problems

    def _announce(
        self, connection: Connection, athlete_id: int, files: Mapping[bytes, PackedFile]
    ) -> dict[bytes, int]:
        """Choose which files are to be written, and their numbers."""
        fitting, _ = self._fitting(connection, athlete_id, files)
        count = {"count": len(fitting)}
        ids = connection.execute(new_ids(), count).scalars().all() if fitting else []
        values = {
            "originals": ids,
            "at_place": self._place.value,
            "wait_s": _LONGEST_COMMIT_S,
        }
        connection.execute(removals.announce(), values)
        return dict(zip(fitting, ids, strict=True))

    def _write_file(self, number: int, packed: bytes) -> str | None:
        """Write a file; tells why it cannot be."""
        until, problem = self._paused
        if monotonic() < until:
            return problem
        try:
            self._files.write(self._place, number, packed)
        except OriginalUnreachable as error:
            logger.warning("an original cannot be kept", extra={"error": str(error)})
            problem = f"{error.said}. Import the file again to keep it"
            self._paused = monotonic() + _PAUSE_S, problem
            return problem
        return None

    def _numbers(
        self,
        connection: Connection,
        fitting: Mapping[bytes, PackedFile],
        problems: dict[bytes, str],
    ) -> dict[bytes, int]:
        """Tell the ids of the rows to write; adds to `problems` why others are not kept."""
        if not fitting:
            return {}
        if self._place is OriginalPlace.DATABASE:
            ids = connection.execute(new_ids(), {"count": len(fitting)}).scalars()
            return dict(zip(fitting, ids, strict=True))
        numbers = {}
        for digest in fitting:
            number = self._written.get(digest)
            if number is None:
                problems[digest] = self._problems.get(digest, _LATE)
                continue
            this = {"original": number, "at_place": self._place.value}
            if connection.execute(removals.withdraw(), this).first() is None:
                problems[digest] = _LATE  # and it was deleted again
            else:
                numbers[digest] = number
        return numbers

    def _row(
        self, athlete_id: int, file: PreparedFile, number: int, original: PackedFile
    ) -> dict[str, Any]:
        """Make the parameters of `keep`."""
        is_here = self._place is OriginalPlace.DATABASE
        return {
            "original": number,
            "athlete": athlete_id,
            "digest": file.digest,
            "file_name": _name_of(file.name),
            "size_bytes": original.size,
            "packed_bytes": original.packed_bytes,
            "place": self._place.value,
            "content": original.packed if is_here else None,
            "listed": asdict(file.listed) if file.listed else None,
            "rules_version": RULES_VERSION,
        }


def _to_keep(files: Iterable[PreparedFile]) -> dict[bytes, PackedFile]:
    return {each.digest: each.original for each in files if each.digest and each.original}


def _name_of(path: str) -> str:
    """Take the file's own name, of what was in a gzip file."""
    name = path.replace("\\", "/").rpartition("/")[2]
    if name.lower().endswith(_GZIP):
        name = name[: -len(_GZIP)]
    return name or "recording"
