"""Moves originals from where they are to another place, one transaction each.

The file at the new place is announced before it is written, the one at the old place is deleted
after the commit: so whatever interrupts it, each original is at one place, and no file is left
over.
"""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from db.models import OriginalPlace
from db.original_codec import CorruptOriginal, unpacked
from db.original_files import OriginalMissing, StoredOriginals
from db.statements.files import original as statements
from db.statements.files import original_removal as removals
from db.transaction_runner import TransactionRunner

_AT_ONCE = 100
_LONGEST_MOVE_S = 3600.0


class Move:
    """The move of the originals of `athlete_id`, of all athletes if it is None, to `place`."""

    def __init__(
        self,
        transactions: TransactionRunner,
        originals: StoredOriginals,
        place: OriginalPlace,
        athlete_id: int | None,
    ) -> None:
        self._transactions, self._originals = transactions, originals
        self._place, self._athlete_id = place, athlete_id

    def run(self) -> Iterator[tuple[str, str | None]]:
        """Move them; yields names of files, and why one stays. None: it was moved.

        Raises DatabaseError, OriginalUnreachable.
        """
        last = 0
        while ids := self._elsewhere(last):
            for number in ids:
                values = {"original": number}
                row = self._transactions.read(
                    lambda c: c.execute(statements.find(), values).one_or_none()  # noqa: B023 - called at once
                )
                if row is not None:
                    yield row.file_name, self._move(row)
            last = ids[-1]

    def _elsewhere(self, after_id: int) -> list[int]:
        values = {
            "athlete": self._athlete_id,
            "place": self._place.value,
            "after_id": after_id,
            "most": _AT_ONCE,
        }
        return self._transactions.read(
            lambda connection: list(connection.execute(statements.elsewhere(), values).scalars())
        )

    def _move(self, row: Any) -> str | None:
        """Move one; tells why it stays."""
        try:
            packed = self._originals.content_of(row)
            digest = sha256()
            for part in unpacked(packed):
                digest.update(part)
        except OriginalMissing as error:
            return str(error)
        except CorruptOriginal as error:
            return f"it is damaged: {error}"
        if digest.digest() != row.digest:
            return "it is damaged: its SHA-256 is another"
        is_here = self._place is OriginalPlace.DATABASE
        if not is_here:
            self._transactions.write(
                lambda c: self._announce(c, row.id, self._place.value, _LONGEST_MOVE_S)
            )
            self._originals.write(self._place, row.id, packed)
        content = packed if is_here else None
        return self._transactions.write(partial(self._note, row=row, content=content))

    def _note(self, connection: Connection, row: Any, content: bytes | None) -> str | None:
        """Note the new place, or tell why it stays. One that was deleted stays deleted."""
        new = {"original": row.id, "at_place": self._place.value}
        is_there = self._place is OriginalPlace.DATABASE
        if not is_there and connection.execute(removals.withdraw(), new).first() is None:
            return "its file at the new place was written too late, and deleted. Move it again"
        values = {
            "original": row.id,
            "old_place": row.place,
            "new_place": self._place.value,
            "new_content": content,
        }
        is_moved = connection.execute(statements.move(), values).first() is not None
        left = row.place if is_moved else self._place.value
        if left != OriginalPlace.DATABASE.value:
            self._announce(connection, row.id, left, 0.0)
        return None

    @staticmethod
    def _announce(connection: Connection, number: int, place: str, wait_s: float) -> None:
        """Announce that a file is to be deleted, where no original is at that place then."""
        values = {"originals": [number], "at_place": place, "wait_s": wait_s}
        connection.execute(removals.announce(), values)
