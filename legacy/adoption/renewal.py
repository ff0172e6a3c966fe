"""Updates adopted rows to what the older service has now.

A value that pacegraph has changed since, through a sync or its athlete, stays.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from legacy.adoption import ledger
from legacy.adoption.joined_rows import JoinedRows, recheck_joined
from legacy.adoption.ledger import AdoptedRow, Note
from legacy.adoption.new_row import NEW_TABLES, CurrentRow, NewTable
from legacy.adoption.placement import came_back, refusal
from legacy.adoption.removal import remove
from legacy.adoption.row_mapping import MappedRow
from legacy.adoption.strava_grant import StravaGrants

OWNED = "owned_by_pacegraph"
"""Key in a row's record: the columns that pacegraph changed, which the adoption skips."""

STAYS = "what was adopted before stays"
TAKEN = "another athlete here has that account at Strava, so this one is not connected"
GONE = "pacegraph has deleted it since: it stays so"


class Renewal:
    """Updates rows of one kind in the transaction of `connection`."""

    def __init__(self, connection: Connection, kind: str, grants: StravaGrants) -> None:
        self._connection = connection
        self._kind = kind
        self._table = NEW_TABLES[kind]
        self._grants = grants
        self.notes: list[Note] = []
        self.unplaced: list[MappedRow] = []
        """Rows that became, or no longer are, the same as another at Strava: to place again."""
        self.written = 0
        """The number of updated rows."""

    def renew(self, rows: Sequence[tuple[MappedRow, AdoptedRow]]) -> None:
        """Update changed rows, and note those that stay."""
        current = self._table.current(
            self._connection, [known.new_id for _, known in rows], lock=True
        )
        joins = JoinedRows(self._connection, self._kind, rows)
        gone = [(row, known) for row, known in rows if known.new_id not in current]
        back = came_back(self._connection, gone) if self._kind == "activity" and gone else set()
        for row, known in rows:
            there = current.get(known.new_id)
            is_back = row.old_id in back
            if known.joined and not is_back and joins.holds(row, known, there):
                self._note(row, joins.reason(known.new_id))
            elif known.joined or is_back:
                ledger.forget(self._connection, self._kind, [row.old_id])
                self.unplaced.append(row)
            elif there is None:
                self._note(row, GONE)
            else:
                self._renew_one(row, known, there)

    def _renew_one(self, row: MappedRow, known: AdoptedRow, there: CurrentRow) -> None:
        before = known.written or {}
        own = own_columns(self._table, known, there)
        wanted = {
            name: there.values[name] if name in own else row.values.get(name)
            for name in self._table.columns
        }
        written = {
            **wanted,
            **({OWNED: sorted(own)} if own else {}),
            **self._renew_grant(row, known),
        }
        differs = differing(self._table, wanted, there)
        if differs and self._update(row, known.new_id, wanted):
            ledger.record_adopted(
                self._connection, self._kind, [(row.old_id, known.new_id, written)]
            )
            if {"sex", "birth_date"} & set(differs):
                _mark_efforts_stale(self._connection, known.new_id)
            self.written += 1
            if {"athlete_id", "strava_id"} & set(differs):
                recheck_joined(self._connection, self._kind, [known.new_id])
        elif not differs and written.get("connection") != before.get("connection"):
            _record_written(self._connection, self._kind, row.old_id, written)
            self.written += 1
        if (written.get("connection") or {}).get("strava_id") != (
            before.get("connection") or {}
        ).get("strava_id"):
            recheck_joined(self._connection, self._kind, [known.new_id])

    def _renew_grant(self, row: MappedRow, known: AdoptedRow) -> dict[str, Any]:
        """Update the connection to Strava. Returns what to record of it, if anything."""
        before = (known.written or {}).get("connection")
        if before is None and row.grant is None:
            return {}
        if row.grant:
            self._grants.open(row.grant, row.remarks)
        written = self._grants.renew(self._connection, known.new_id, row.grant, before)
        if row.grant and not written and before is None:
            row.remarks.append(TAKEN)
        return {"connection": written} if written else {}

    def _update(self, row: MappedRow, new_id: int, wanted: Mapping[str, Any]) -> bool:
        """Update a row, unless PostgreSQL refuses."""
        try:
            with self._connection.begin_nested():
                self._table.update(self._connection, [{"id": new_id, **wanted}])
        except OperationalError:
            raise
        except DBAPIError as error:
            if not self._is_duplicate_now(row, new_id, wanted) or not self._release(row):
                self._note(row, f"{refusal(error)}; {STAYS}")
            return False
        return True

    def _is_duplicate_now(self, row: MappedRow, new_id: int, wanted: Mapping[str, Any]) -> bool:
        """Whether another activity of the athlete has the same Strava id."""
        if self._kind != "activity" or row.values["strava_id"] is None:
            return False
        statement = text(
            "SELECT EXISTS (SELECT FROM public.activities "
            "WHERE athlete_id = :athlete AND strava_id = :strava_id AND id <> :new_id)"
        )
        values = {
            "athlete": wanted["athlete_id"],
            "strava_id": wanted["strava_id"],
            "new_id": new_id,
        }
        return bool(self._connection.execute(statement, values).scalar_one())

    def _release(self, row: MappedRow) -> bool:
        """Delete the row so that it can join the other, unless pacegraph has changed it."""
        if remove(self._connection, self._kind, [row.old_id], self._grants).stays:
            return False
        self.unplaced.append(row)
        return True

    def _note(self, row: MappedRow, reason: str) -> None:
        self.notes.append(Note(self._kind, row.old_id, reason, adopted=True, row=row.row))


def own_columns(table: NewTable, known: AdoptedRow, there: CurrentRow) -> set[str]:
    """Find the columns that pacegraph or an athlete has changed since the adoption wrote them."""
    written = known.written or {}
    own = set(written.get(OWNED, ())) | (there.edited & table.columns.keys())
    if table.has_updated_at and there.changed_at != known.written_at:
        own |= {
            name
            for name in table.columns
            if name in written and not _is_same(name, there.values, written)
        }
    return own


def differing(table: NewTable, values: Mapping[str, Any], there: CurrentRow) -> list[str]:
    """Find the columns that differ from `values`."""
    return [name for name in table.columns if not _is_same(name, there.values, values)]


def _is_same(name: str, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    # Without an old time, created_at is the time of the adoption.
    return bool(
        there[name] == wanted.get(name) or (name == "created_at" and wanted.get(name) is None)
    )


def _record_written(
    connection: Connection, kind: str, old_id: str, written: Mapping[str, Any]
) -> None:
    """Update what is recorded of a row, keeping the recorded time, as the row did not change."""
    connection.execute(
        text(
            "UPDATE legacy.adopted SET written = CAST(:written AS jsonb) "
            "WHERE kind = :kind AND old_id = :old_id"
        ),
        {"written": json.dumps(written), "kind": kind, "old_id": old_id},
    )


def _mark_efforts_stale(connection: Connection, athlete_id: int) -> None:
    """Mark an athlete's efforts as stale: they depend on sex and birth date."""
    connection.execute(
        text("UPDATE public.activities SET efforts_version = NULL WHERE athlete_id = :athlete"),
        {"athlete": athlete_id},
    )
