"""A handful of old rows becomes pacegraph's, in one transaction: mapped, placed or renewed, noted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.encryption import KeyRing
from legacy.adoption import bookkeeping
from legacy.adoption.bookkeeping import Known, Note
from legacy.adoption.mapping import Mapped, Mapper
from legacy.adoption.old_row import Naive, Refused
from legacy.adoption.old_table import OldTable, Row, quoted
from legacy.adoption.placing import place_activities, place_athletes, place_feedback
from legacy.adoption.removing import remove
from legacy.adoption.renewing import STAYS, Renewal
from legacy.adoption.strava_grant import Grants

__all__ = ["NO_ATHLETE", "Adopter", "Counts"]

NO_ATHLETE = "its athlete is not adopted"
GONE_ATHLETE = "pacegraph has deleted its athlete since"
_LEFT = "the old service deleted it; {reason}"


@dataclass(slots=True)
class Counts:
    """Rows of a batch: written anew or changed, and kept aside."""

    written: int = 0
    kept_aside: int = 0
    deleted: int = 0


class Adopter:
    """Adopts rows of `tables`, by kind."""

    def __init__(self, tables: dict[str, OldTable], keys: KeyRing, naive: Naive) -> None:
        self.tables = tables
        self.mapper = Mapper(tables, naive)
        self.grants = Grants(keys)

    def adopt(self, connection: Connection, kind: str, rows: Sequence[Row]) -> Counts:
        """Write what `rows` become. Whatever is wrong with one is noted, and stops nothing."""
        known = bookkeeping.known(connection, kind, [row.old_id for row in rows])
        mapped, notes = self._map(kind, rows, known)
        mapped = self._with_parents(connection, kind, mapped, notes, known, hold=True)
        if kind == "activity":
            self._give_efforts(connection, mapped)
        # Those that there are come first: one may have given up what a new one is now.
        renewal = Renewal(connection, kind, self.grants)
        renewal.renew([(row, known[row.old_id]) for row in mapped if row.old_id in known])
        new = [row for row in mapped if row.old_id not in known] + renewal.unplaced
        placed = self._place(connection, kind, new)
        if kind == "athlete" and new and bookkeeping.has_begun(connection, "activity"):
            self._look_again_at_theirs(connection, [row.old_id for row in new])
        notes += placed + renewal.notes
        for row in mapped:
            notes += [Note(kind, row.old_id, remark, adopted=True, row=row.row) for remark in row.remarks]
        bookkeeping.note_aside(connection, kind, [row.old_id for row in rows], notes)
        left_out = {note.old_id for note in placed}
        written = sum(row.old_id not in left_out for row in new) + renewal.written
        if written and kind != "feedback":
            bookkeeping.want_recalculation(connection)
        return Counts(written, len({note.old_id for note in notes if not note.adopted}))

    def carry_over(self, connection: Connection, kind: str, old_ids: Sequence[str]) -> Counts:
        """Bring rows in step that the old service wrote or deleted."""
        table = self.tables.get(kind)
        rows = table.of(connection, old_ids) if table else []
        return self.adopt(connection, kind, rows) if rows else Counts()

    def let_go(self, connection: Connection, kind: str, old_ids: Sequence[str]) -> Counts:
        """Delete what rows became that the old service has no more."""
        table = self.tables.get(kind)
        there = {row.old_id for row in table.of(connection, old_ids)} if table else set()
        gone = [old_id for old_id in old_ids if old_id not in there]
        if not gone:
            return Counts()
        removed = remove(connection, kind, gone, self.grants)
        bookkeeping.forget(connection, kind, gone)
        # It is pacegraph's own now; nothing refers to an old row any more.
        notes = [Note(f"{kind} (deleted)", old_id, _LEFT.format(reason=why)) for old_id, why in removed.stays.items()]
        bookkeeping.note_aside(connection, kind, gone, [])
        bookkeeping.note_aside(connection, f"{kind} (deleted)", gone, notes)
        if removed.deleted and kind == "activity":
            bookkeeping.want_recalculation(connection)
        return Counts(deleted=removed.deleted)

    def mapped(self, connection: Connection, kind: str, rows: Sequence[Row]) -> tuple[list[Mapped], list[Note]]:
        """What `rows` are to become now, as `adopt` would write it, and which are refused."""
        known = bookkeeping.known(connection, kind, [row.old_id for row in rows])
        mapped, notes = self._map(kind, rows, known)
        mapped = self._with_parents(connection, kind, mapped, notes, known, hold=False)
        if kind == "activity":
            self._efforts(connection, mapped)
        return mapped, notes

    def read(self, kind: str, rows: Sequence[Row]) -> tuple[list[Mapped], list[Note]]:
        """What `rows` say by themselves."""
        return self._map(kind, rows, {})

    def _map(self, kind: str, rows: Iterable[Row], known: dict[str, Known]) -> tuple[list[Mapped], list[Note]]:
        mapped, notes = [], []
        for row in rows:
            try:
                mapped.append(self.mapper.map(kind, row))
            except Refused as refusal:
                notes.append(_refusal(kind, row.old_id, str(refusal), row.values, known))
            except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
                reason = f"it cannot be understood ({type(error).__name__})"
                notes.append(_refusal(kind, row.old_id, reason, row.values, known))
        return mapped, notes

    def _with_parents(
        self,
        connection: Connection,
        kind: str,
        rows: list[Mapped],
        notes: list[Note],
        known: dict[str, Known],
        *,
        hold: bool,
    ) -> list[Mapped]:
        """Fill in the new ids of athletes (or their accounts); with `hold` the athletes are locked until the commit."""
        if kind == "athlete":
            return rows
        ids = bookkeeping.new_ids(connection, "athlete", {row.parent for row in rows if row.parent})
        accounts = _accounts(connection, ids.values(), hold=hold)
        kept = []
        for row in rows:
            athlete_id = ids.get(row.parent or "")
            reason = GONE_ATHLETE if athlete_id else NO_ATHLETE
            if kind == "feedback":
                row.values["account_id"] = accounts.get(athlete_id or 0)
                row.remarks += [reason] if row.parent and not row.values["account_id"] else []
            elif athlete_id not in accounts:
                notes.append(_refusal(kind, row.old_id, reason, row.row, known))
                continue
            else:
                row.values["athlete_id"] = athlete_id
            kept.append(row)
        return kept

    def _place(self, connection: Connection, kind: str, rows: list[Mapped]) -> list[Note]:
        if kind == "athlete":
            return place_athletes(connection, self.grants, rows)
        return (place_activities if kind == "activity" else place_feedback)(connection, rows)

    def _look_again_at_theirs(self, connection: Connection, athletes: Sequence[str]) -> None:
        """Old athletes became other rows than before, or rows at all: their runs and messages hang on that."""
        for kind in ("activity", "feedback"):
            table = self.tables.get(kind)
            if table is None or table.key is None or not self.mapper.has(kind, "athlete_id"):
                continue
            column = self.mapper.column(kind, "athlete_id")
            connection.execute(
                text(
                    f"INSERT INTO legacy.changes (source, old_id) SELECT :kind, {quoted(table.key)}::text "  # noqa: S608
                    f"FROM {table.sql} WHERE {quoted(column)} = ANY(CAST(:athletes AS {table.types[column]}[]))"
                ),
                {"kind": kind, "athletes": list(athletes)},
            )

    # --- best efforts

    def _give_efforts(self, connection: Connection, rows: list[Mapped]) -> None:
        looked_at, refused = self._efforts(connection, rows)
        notes = [Note("best_effort", row.old_id, reason, row=row.values) for row, reason in refused]
        bookkeeping.note_aside(connection, "best_effort", looked_at, notes)

    def _efforts(self, connection: Connection, rows: list[Mapped]) -> tuple[list[str], list[tuple[Row, str]]]:
        """Add their best efforts to activities; returns all that were looked at, and those refused."""
        table = self.tables.get("best_effort")
        if table is None or not self.mapper.has("best_effort", "activity_id"):
            return [], []
        column = self.mapper.column("best_effort", "activity_id")
        of_activity: dict[str, list[Row]] = {row.old_id: [] for row in rows}
        looked_at: list[str] = []
        unreadable: list[Row] = []
        for effort in table.belonging_to(connection, column, [row.old_id for row in rows]):
            looked_at.append(effort.old_id)
            of_activity.get(str((effort.values or {}).get(column)), unreadable).append(effort)
        refused = [(row, "the row cannot be read") for row in unreadable]
        refused += [each for row in rows for each in self.mapper.give_efforts(row, of_activity[row.old_id])]
        return looked_at, refused


def _refusal(kind: str, old_id: str, reason: str, row: object, known: dict[str, Known]) -> Note:
    if old_id in known:
        reason = f"{reason}; {STAYS}"
    return Note(kind, old_id, reason, adopted=old_id in known, row=row if isinstance(row, dict) else None)


def _accounts(connection: Connection, athlete_ids: Iterable[int], *, hold: bool) -> dict[int, int | None]:
    """Athletes that there are, with their accounts."""
    ids = {"ids": sorted(set(athlete_ids))}
    if hold:  # in the order of ids, as everybody who locks several
        connection.execute(
            text("SELECT id FROM public.athletes WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"), ids
        )
    rows = connection.execute(
        text(
            "SELECT a.id, c.id FROM public.athletes a LEFT JOIN public.accounts c ON c.athlete_id = a.id "
            "WHERE a.id = ANY(:ids)"
        ),
        ids,
    )
    return dict(rows.all())
