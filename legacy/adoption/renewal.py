"""Rows that were adopted before are brought in step with what the old service has now.

What pacegraph has changed since, a sync or its athlete, stays as it is: value by value.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from legacy.adoption import bookkeeping
from legacy.adoption.bookkeeping import Known, Note
from legacy.adoption.joining import Joins, look_again_at_joined
from legacy.adoption.mapping import Mapped
from legacy.adoption.new_row import NEW_TABLES, Current, NewTable
from legacy.adoption.placing import refusal
from legacy.adoption.removing import remove
from legacy.adoption.strava_grant import Grants

__all__ = ["GONE", "STAYS", "Renewal", "differing", "own_columns"]

OWNED = "owned_by_pacegraph"
"""In what is written down of a row: the columns that pacegraph changed and the old service may not change any more."""

STAYS = "what was adopted before stays"
TAKEN = "another athlete here has that account at Strava, so this one is not connected"
GONE = "pacegraph has deleted it since: it stays so"


class Renewal:
    """Renews rows of one kind in the transaction of `connection`."""

    def __init__(self, connection: Connection, kind: str, grants: Grants) -> None:
        self._connection = connection
        self._kind = kind
        self._table = NEW_TABLES[kind]
        self._grants = grants
        self.notes: list[Note] = []
        self.unplaced: list[Mapped] = []
        """Rows that are at Strava what another row is now, or not any more: they are to be placed anew."""
        self.written = 0
        """Rows that were changed."""

    def renew(self, rows: Sequence[tuple[Mapped, Known]]) -> None:
        """Write what changed, and note what did not."""
        current = self._table.current(self._connection, [known.new_id for _, known in rows], lock=True)
        joins = Joins(self._connection, self._kind, rows)
        for row, known in rows:
            there = current.get(known.new_id)
            if known.joined and joins.holds(row, known, there):
                self._note(row, joins.reason(known.new_id))
            elif known.joined:
                bookkeeping.forget(self._connection, self._kind, [row.old_id])
                self.unplaced.append(row)
            elif there is None:
                self._note(row, GONE)
            else:
                self._renew_one(row, known, there)

    def _renew_one(self, row: Mapped, known: Known, there: Current) -> None:
        before = known.written or {}
        own = own_columns(self._table, known, there)
        wanted = {name: there.values[name] if name in own else row.values.get(name) for name in self._table.columns}
        written = {**wanted, **({OWNED: sorted(own)} if own else {}), **self._renew_grant(row, known)}
        differs = differing(self._table, wanted, there)
        if differs and self._update(row, known.new_id, wanted):
            bookkeeping.note_adopted(self._connection, self._kind, [(row.old_id, known.new_id, written)])
            if {"sex", "birth_date"} & set(differs):
                _derive_again(self._connection, known.new_id)
            self.written += 1
            if {"athlete_id", "strava_id"} & set(differs):
                look_again_at_joined(self._connection, self._kind, [known.new_id])
        elif not differs and written.get("connection") != before.get("connection"):
            _write_down(self._connection, self._kind, row.old_id, written)
            self.written += 1
        if (written.get("connection") or {}).get("strava_id") != (before.get("connection") or {}).get("strava_id"):
            look_again_at_joined(self._connection, self._kind, [known.new_id])

    def _renew_grant(self, row: Mapped, known: Known) -> dict[str, Any]:
        """What is written of the connection to Strava, if any."""
        before = (known.written or {}).get("connection")
        if before is None and row.grant is None:
            return {}
        if row.grant:
            self._grants.open(row.grant, row.remarks)
        written = self._grants.renew(self._connection, known.new_id, row.grant, before)
        if row.grant and not written and before is None:
            row.remarks.append(TAKEN)
        return {"connection": written} if written else {}

    def _update(self, row: Mapped, new_id: int, wanted: Mapping[str, Any]) -> bool:
        """Write a row, unless PostgreSQL refuses."""
        try:
            with self._connection.begin_nested():
                self._table.update(self._connection, [{"id": new_id, **wanted}])
        except OperationalError:
            raise
        except DBAPIError as error:
            if not self._is_another_now(row, wanted) or not self._let_go(row):
                self._note(row, f"{refusal(error)}; {STAYS}")
            return False
        return True

    def _is_another_now(self, row: Mapped, wanted: Mapping[str, Any]) -> bool:
        """Whether another row has the same id at Strava."""
        if self._kind != "activity" or row.values["strava_id"] is None:
            return False
        statement = text(
            "SELECT EXISTS (SELECT FROM public.activities WHERE athlete_id = :athlete AND strava_id = :strava_id)"
        )
        values = {"athlete": wanted["athlete_id"], "strava_id": wanted["strava_id"]}
        return bool(self._connection.execute(statement, values).scalar_one())

    def _let_go(self, row: Mapped) -> bool:
        """Give up a row's own, so that it joins the other; not where pacegraph has changed it."""
        if remove(self._connection, self._kind, [row.old_id], self._grants).stays:
            return False
        self.unplaced.append(row)
        return True

    def _note(self, row: Mapped, reason: str) -> None:
        self.notes.append(Note(self._kind, row.old_id, reason, adopted=True, row=row.row))


def own_columns(table: NewTable, known: Known, there: Current) -> set[str]:
    """The columns that pacegraph has changed since the adoption wrote them."""
    written = known.written or {}
    own = set(written.get(OWNED, ()))
    if table.has_updated_at and there.changed_at != known.written_at:
        own |= {name for name in table.columns if name in written and not _is_same(name, there.values, written)}
    return own


def differing(table: NewTable, values: Mapping[str, Any], there: Current) -> list[str]:
    """The columns that are not as `values` has them."""
    return [name for name in table.columns if not _is_same(name, there.values, values)]


def _is_same(name: str, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    # Where the old service has no time, it is that of the adoption.
    return bool(there[name] == wanted.get(name) or (name == "created_at" and wanted.get(name) is None))


def _write_down(connection: Connection, kind: str, old_id: str, written: Mapping[str, Any]) -> None:
    """Note what is written now of a row that is not written itself, so that its time of writing stays."""
    connection.execute(
        text("UPDATE legacy.adopted SET written = CAST(:written AS jsonb) WHERE kind = :kind AND old_id = :old_id"),
        {"written": json.dumps(written), "kind": kind, "old_id": old_id},
    )


def _derive_again(connection: Connection, athlete_id: int) -> None:
    """Which efforts are plausible, and their age grades, depend on sex and birth date."""
    connection.execute(
        text("UPDATE public.activities SET efforts_version = NULL WHERE athlete_id = :athlete"), {"athlete": athlete_id}
    )
