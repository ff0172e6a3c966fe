"""Moves samples of activities out of the database, to where originals are, and back.

A file is announced for removal, written, read back and compared; then one transaction empties the
row's samples, notes the file and withdraws the announcement. So whatever interrupts it, all samples
are in the database or in a file, and no file is left over.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from db.models import OriginalPlace
from db.moved_samples import PackedSamples, SamplesFile
from db.original_files import REQUESTS_AT_ONCE, OriginalMissing, StoredOriginals
from db.statements.activities import moved_samples as statements
from db.statements.files import original_removal as removals
from db.statements.new_rows import new_ids
from db.stream_codec import CorruptStreams
from db.transaction_runner import TransactionRunner

_AT_ONCE = 50
_LONGEST_MOVE_S = 3600.0
_GRACE_S = 60.0
"""Who read a row before its samples went elsewhere, or reads a replica, still finds their file."""
_Found = list[tuple[Any, PackedSamples]]
"""Rows with the samples that their files have."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A file with the samples of a row, written and read back."""

    row: Any
    number: int
    packed: bytes


class SamplesMove:
    """The move of the samples of `athlete_id`, of all athletes if it is None.

    Those of activities that began `age_s` seconds ago or earlier.
    """

    def __init__(
        self,
        transactions: TransactionRunner,
        files: StoredOriginals,
        athlete_id: int | None = None,
        age_s: float = 0.0,
    ) -> None:
        self._transactions, self._files = transactions, files
        self._values = {"athlete": athlete_id, "age_s": age_s, "most": _AT_ONCE}

    def take_out(self, place: OriginalPlace) -> Iterator[int]:
        """Move samples from the database to a place; yields how many, now and then.

        Raises DatabaseError, OriginalUnreachable, OriginalMissing.
        """
        for rows in self._pages(statements.stored_here()):
            samples = [PackedSamples(row.samples, row.marks, row.positions) for row in rows]
            written = self._written(place, list(zip(rows, samples, strict=True)))
            yield self._transactions.write(partial(self._note, place, written))

    def change_place(self, place: OriginalPlace) -> Iterator[tuple[int, str | None]]:
        """Move samples from a folder to S3, or the other way; yields as `put_back`.

        Raises DatabaseError, OriginalUnreachable, OriginalMissing.
        """
        for rows in self._pages(statements.stored_in_another_place(), at_place=place.value):
            found, missing = self._found(rows)
            written = self._written(place, found)
            self._transactions.write(partial(self._redirect, place, written))
            yield from _told(found, missing)

    def put_back(self) -> Iterator[tuple[int, str | None]]:
        """Move samples back into the database; yields activities, and why one's stay, or None.

        Raises DatabaseError, OriginalUnreachable.
        """
        for rows in self._pages(statements.stored_elsewhere()):
            found, missing = self._found(rows)
            self._transactions.write(partial(self._put_back, found))
            yield from _told(found, missing)

    def _found(self, rows: Sequence[Any]) -> tuple[_Found, list[tuple[int, str]]]:
        """Fetch the samples of rows; of others, the activity and why there are none."""
        files = [
            SamplesFile(row.file_id, OriginalPlace(row.file_place), row.file_digest) for row in rows
        ]
        contents = self._files.read_several([(each.place, each.number) for each in files])
        found: _Found = []
        missing: list[tuple[int, str]] = []
        for row, file, packed in zip(rows, files, contents, strict=True):
            try:
                found.append((row, _unpacked(file, packed)))
            except (OriginalMissing, CorruptStreams) as error:
                missing.append((row.activity_id, str(error)))
        return found, missing

    def _pages(self, statement: Any, **values: object) -> Iterator[Sequence[Any]]:
        after_id, values = 0, self._values | values
        while rows := self._transactions.read(
            lambda c: c.execute(statement, values | {"after_id": after_id}).all()  # noqa: B023 - called at once
        ):
            yield rows
            after_id = rows[-1].activity_id

    @staticmethod
    def _announce(place: OriginalPlace, count: int, connection: Connection) -> list[int]:
        numbers = list(connection.execute(new_ids(), {"count": count}).scalars())
        _remove_in(_LONGEST_MOVE_S, place, numbers, connection)
        return numbers

    def _written(self, place: OriginalPlace, samples: _Found) -> list[_Written]:
        """Write the samples of rows into files of their own, read back."""
        numbers = self._transactions.write(partial(self._announce, place, len(samples)))
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
            return list(threads.map(partial(self._write, place), samples, numbers))

    def _write(self, place: OriginalPlace, of: tuple[Any, PackedSamples], number: int) -> _Written:
        row, samples = of
        packed = samples.pack()
        self._files.write(place, number, packed)
        if self._files.read(place, number) != packed:
            raise OriginalMissing
        return _Written(row, number, packed)

    @staticmethod
    def _note(place: OriginalPlace, written: Sequence[_Written], connection: Connection) -> int:
        """Note the files of samples that did not change meanwhile; returns how many.

        The others are to be deleted now: their activity may be erased.
        """
        needless = []
        for each in written:
            row, file = each.row, {"original": each.number, "at_place": place.value}
            of_row = {
                "athlete": row.athlete_id,
                "activity": row.activity_id,
                "old_samples": row.samples,
                "old_marks": row.marks,
                "old_positions": row.positions,
            }
            if connection.execute(statements.take_out(), of_row).first() is None:
                needless.append(each.number)
                continue
            _withdraw(file, connection)
            values = {
                "athlete": row.athlete_id,
                "activity": row.activity_id,
                "file": each.number,
                "at_place": place.value,
                "digest": sha256(each.packed).digest(),
                "packed_bytes": len(each.packed),
            }
            connection.execute(statements.note(), values)
        _remove_in(0, place, needless, connection)
        return len(written) - len(needless)

    @staticmethod
    def _redirect(
        place: OriginalPlace, written: Sequence[_Written], connection: Connection
    ) -> None:
        """Note new files of samples whose file is the same as before; the others are deleted now."""
        for each in written:
            row, at = each.row, {"at_place": place.value}
            values = at | {
                "athlete": row.athlete_id,
                "activity": row.activity_id,
                "file": row.file_id,
                "new_file": each.number,
            }
            if connection.execute(statements.change_place(), values).first() is None:
                _remove_in(0, place, [each.number], connection)
                continue
            _withdraw(at | {"original": each.number}, connection)
            _remove_in(_GRACE_S, OriginalPlace(row.file_place), [row.file_id], connection)

    @staticmethod
    def _put_back(found: _Found, connection: Connection) -> None:
        for row, samples in found:
            values = {
                "athlete": row.athlete_id,
                "activity": row.activity_id,
                "file": row.file_id,
                "whole_samples": samples.samples,
                "whole_marks": samples.marks,
                "whole_positions": samples.positions,
            }
            if connection.execute(statements.put_back(), values).first() is not None:
                _remove_in(_GRACE_S, OriginalPlace(row.file_place), [row.file_id], connection)


def _unpacked(file: SamplesFile, packed: bytes | None) -> PackedSamples:
    """Read a file's content. Raises OriginalMissing where it is None, CorruptStreams."""
    if packed is None:
        raise OriginalMissing
    return file.unpack(packed)


def _withdraw(file: dict[str, Any], connection: Connection) -> None:
    """Withdraw the removal of a file that is noted now."""
    if connection.execute(removals.withdraw(), file).first() is None:
        raise OriginalMissing  # it took so long that it is deleted; nothing is written


def _told(found: _Found, missing: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str | None]]:
    yield from ((row.activity_id, None) for row, _ in found)
    yield from missing


def _remove_in(
    wait_s: float, place: OriginalPlace, numbers: Sequence[int], connection: Connection
) -> None:
    values = {"originals": list(numbers), "at_place": place.value, "wait_s": wait_s}
    connection.execute(removals.announce(), values)
