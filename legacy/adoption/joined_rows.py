"""Old rows that join an existing row, because both are the same activity or athlete at Strava."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from legacy.adoption import ledger
from legacy.adoption.ledger import AdoptedRow, Note
from legacy.adoption.new_row import CurrentRow
from legacy.adoption.row_mapping import MappedRow
from legacy.adoption.strava_grant import connected

JOINED = "pacegraph had it already, from Strava: pacegraph's own row stands"
DUPLICATE = "another old row is the same at Strava: that one was adopted for both"


class JoinedRows:
    """The rows that old rows of `kind` joined."""

    def __init__(
        self, connection: Connection, kind: str, rows: Sequence[tuple[MappedRow, AdoptedRow]]
    ) -> None:
        self._kind = kind
        joined = [(row, known) for row, known in rows if known.joined]
        self._first = _first(connection, kind, [known.new_id for _, known in joined])
        strava_ids = [row.grant.strava_id for row, _ in joined if row.grant]
        self._connected = connected(connection, strava_ids) if strava_ids else {}

    def reason(self, new_id: int) -> str:
        return DUPLICATE if new_id in self._first else JOINED

    def holds(self, row: MappedRow, known: AdoptedRow, there: CurrentRow | None) -> bool:
        """Whether an old row still is the same at Strava as the row that it joined."""
        if self._kind == "activity":
            return there is None or all(
                there.values[name] == row.values[name] for name in ("athlete_id", "strava_id")
            )
        if row.grant is None:
            return False
        if known.new_id in self._first:
            written = (self._first[known.new_id] or {}).get("connection") or {}
            return bool(written.get("strava_id") == row.grant.strava_id)
        # If no athlete has the Strava account, pacegraph ended the connection; the join stays.
        return self._connected.get(row.grant.strava_id, known.new_id) == known.new_id


def join(connection: Connection, kind: str, rows: Sequence[tuple[MappedRow, int]]) -> list[Note]:
    """Record that old rows are existing rows, which are not changed."""
    ledger.record_adopted(connection, kind, [(row.old_id, new_id, None) for row, new_id in rows])
    first = _first(connection, kind, [new_id for _, new_id in rows])
    return [
        Note(kind, row.old_id, DUPLICATE if new_id in first else JOINED, adopted=True, row=row.row)
        for row, new_id in rows
    ]


def recheck_joined(connection: Connection, kind: str, new_ids: Iterable[int]) -> None:
    """Schedule the old rows that joined rows which changed or were deleted."""
    connection.execute(
        text(
            "INSERT INTO legacy.changes (source, old_id) SELECT kind, old_id FROM legacy.ids "
            "JOIN legacy.adopted USING (kind, old_id) "
            "WHERE kind = :kind AND joined AND new_id = ANY(:new_ids)"
        ),
        {"kind": kind, "new_ids": list(new_ids)},
    )


def _first(
    connection: Connection, kind: str, new_ids: Sequence[int]
) -> dict[int, dict[str, Any] | None]:
    """Find what was written when the adoption created the rows of `new_ids`."""
    if not new_ids:
        return {}
    statement = text(
        "SELECT new_id, written FROM legacy.ids JOIN legacy.adopted USING (kind, old_id) "
        "WHERE kind = :kind AND NOT joined AND new_id = ANY(:new_ids)"
    )
    rows = connection.execute(statement, {"kind": kind, "new_ids": list(new_ids)})
    return {row.new_id: row.written for row in rows}
