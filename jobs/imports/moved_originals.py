"""Moves originals from where they are to another place, one transaction each.

The file at the new place is announced before it is written, the one at the old place is deleted
after the commit: so whatever interrupts it, each original is at one place, and no file is left over.
"""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from db.models import OriginalPlace
from db.original_codec import CorruptOriginal, unpacked
from db.original_files import OriginalMissing, StoredOriginals
from db.statements import original as statements
from db.statements import original_removal as removals
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
        """Move them; yields names of files, and why some stay.

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
            values = {
                "originals": [row.id],
                "at_place": self._place.value,
                "wait_s": _LONGEST_MOVE_S,
            }
            self._transactions.write(lambda c: c.execute(removals.announce(), values))
            self._originals.write(self._place, row.id, packed)
        content = packed if is_here else None
        self._transactions.write(partial(self._note, row=row, content=content))
        return None

    def _note(self, connection: Connection, row: Any, content: bytes | None) -> None:
        """Note the new place. An original that was deleted meanwhile stays deleted."""
        values = {
            "original": row.id,
            "old_place": row.place,
            "new_place": self._place.value,
            "new_content": content,
        }
        if connection.execute(statements.move(), values).first() is None:
            return
        new = {"original": row.id, "at_place": self._place.value}
        connection.execute(removals.withdraw(), new)
        if row.place != OriginalPlace.DATABASE.value:
            old = {"originals": [row.id], "at_place": row.place, "wait_s": 0.0}
            connection.execute(removals.announce(), old)
