"""Adopts a batch of old rows in one transaction: maps, inserts or updates, and records them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.encryption import KeyRing
from legacy.adoption import ledger
from legacy.adoption.ledger import AdoptedRow, Note
from legacy.adoption.old_row import Naive, RowRefused
from legacy.adoption.old_table import OldTable, Row, quoted
from legacy.adoption.placement import place_activities, place_athletes, place_feedback
from legacy.adoption.removal import remove
from legacy.adoption.renewal import STAYS, Renewal
from legacy.adoption.row_mapping import MappedRow, RowMapper
from legacy.adoption.strava_grant import StravaGrants

NO_ATHLETE = "its athlete is not adopted"
GONE_ATHLETE = "pacegraph has deleted its athlete since"
_LEFT = "the old service deleted it; {reason}"


@dataclass(slots=True)
class RowCounts:
    """Rows of a batch: inserted or updated, kept aside, deleted."""

    written: int = 0
    kept_aside: int = 0
    deleted: int = 0


class Adopter:
    """Adopts rows of `tables`, which are given by kind."""

    def __init__(self, tables: dict[str, OldTable], keys: KeyRing, naive: Naive) -> None:
        self.tables = tables
        self.mapper = RowMapper(tables, naive)
        self.grants = StravaGrants(keys)

    def adopt(self, connection: Connection, kind: str, rows: Sequence[Row]) -> RowCounts:
        """Insert or update what `rows` become. A row that cannot be adopted is kept aside."""
        known = ledger.known(connection, kind, [row.old_id for row in rows])
        mapped, notes = self._map(kind, rows, known)
        mapped = self._with_parents(connection, kind, mapped, notes, known, hold=True)
        if kind == "activity":
            self._give_efforts(connection, mapped)
        # Updates come first: one may free the Strava id that a new row needs.
        renewal = Renewal(connection, kind, self.grants)
        renewal.renew([(row, known[row.old_id]) for row in mapped if row.old_id in known])
        new = [row for row in mapped if row.old_id not in known] + renewal.unplaced
        placed = self._place(connection, kind, new)
        if kind == "athlete" and new and ledger.has_begun(connection, "activity"):
            self._recheck_rows_of(connection, [row.old_id for row in new])
        notes += placed + renewal.notes
        for row in mapped:
            notes += [
                Note(kind, row.old_id, remark, adopted=True, row=row.row) for remark in row.remarks
            ]
        ledger.record_kept_aside(connection, kind, [row.old_id for row in rows], notes)
        left_out = {note.old_id for note in placed}
        written = sum(row.old_id not in left_out for row in new) + renewal.written
        if written and kind != "feedback":
            ledger.request_recalculation(connection)
        return RowCounts(written, len({note.old_id for note in notes if not note.adopted}))

    def carry_over(self, connection: Connection, kind: str, old_ids: Sequence[str]) -> RowCounts:
        """Adopt again the rows that the older service wrote."""
        table = self.tables.get(kind)
        rows = table.of(connection, old_ids) if table else []
        return self.adopt(connection, kind, rows) if rows else RowCounts()

    def delete_missing(
        self, connection: Connection, kind: str, old_ids: Sequence[str]
    ) -> RowCounts:
        """Delete what became of rows that the older service deleted."""
        table = self.tables.get(kind)
        there = {row.old_id for row in table.of(connection, old_ids)} if table else set()
        gone = [old_id for old_id in old_ids if old_id not in there]
        if not gone:
            return RowCounts()
        removed = remove(connection, kind, gone, self.grants)
        ledger.forget(connection, kind, gone)
        # What stays is pacegraph's own now, without an old row.
        notes = [
            Note(f"{kind} (deleted)", old_id, _LEFT.format(reason=why))
            for old_id, why in removed.stays.items()
        ]
        ledger.record_kept_aside(connection, kind, gone, [])
        ledger.record_kept_aside(connection, f"{kind} (deleted)", gone, notes)
        if removed.deleted and kind == "activity":
            ledger.request_recalculation(connection)
        return RowCounts(deleted=removed.deleted)

    def mapped(
        self, connection: Connection, kind: str, rows: Sequence[Row]
    ) -> tuple[list[MappedRow], list[Note]]:
        """Map `rows` as `adopt` would, writing nothing. Returns the rows and the refusals."""
        known = ledger.known(connection, kind, [row.old_id for row in rows])
        mapped, notes = self._map(kind, rows, known)
        mapped = self._with_parents(connection, kind, mapped, notes, known, hold=False)
        if kind == "activity":
            self._efforts(connection, mapped)
        return mapped, notes

    def read(self, kind: str, rows: Sequence[Row]) -> tuple[list[MappedRow], list[Note]]:
        """Map `rows` without looking at pacegraph's tables."""
        return self._map(kind, rows, {})

    def _map(
        self, kind: str, rows: Iterable[Row], known: dict[str, AdoptedRow]
    ) -> tuple[list[MappedRow], list[Note]]:
        mapped, notes = [], []
        for row in rows:
            try:
                mapped.append(self.mapper.map(kind, row))
            except RowRefused as refusal:
                notes.append(_refusal(kind, row.old_id, str(refusal), row.values, known))
            except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
                reason = f"it cannot be understood ({type(error).__name__})"
                notes.append(_refusal(kind, row.old_id, reason, row.values, known))
        return mapped, notes

    def _with_parents(
        self,
        connection: Connection,
        kind: str,
        rows: list[MappedRow],
        notes: list[Note],
        known: dict[str, AdoptedRow],
        *,
        hold: bool,
    ) -> list[MappedRow]:
        """Fill in the new ids of athletes or accounts. `hold` locks the athletes until commit."""
        if kind == "athlete":
            return rows
        ids = ledger.new_ids(connection, "athlete", {row.parent for row in rows if row.parent})
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

    def _place(self, connection: Connection, kind: str, rows: list[MappedRow]) -> list[Note]:
        if kind == "athlete":
            return place_athletes(connection, self.grants, rows)
        return (place_activities if kind == "activity" else place_feedback)(connection, rows)

    def _recheck_rows_of(self, connection: Connection, athletes: Sequence[str]) -> None:
        """Schedule the activities and feedback of athletes that became other rows than before."""
        for kind in ("activity", "feedback"):
            table = self.tables.get(kind)
            if table is None or table.key is None or not self.mapper.has(kind, "athlete_id"):
                continue
            column = self.mapper.column(kind, "athlete_id")
            connection.execute(
                text(
                    "INSERT INTO legacy.changes (source, old_id) "
                    f"SELECT :kind, {quoted(table.key)}::text FROM {table.sql} "
                    f"WHERE {quoted(column)} = ANY(CAST(:athletes AS {table.types[column]}[]))"
                ),
                {"kind": kind, "athletes": list(athletes)},
            )

    # --- best efforts

    def _give_efforts(self, connection: Connection, rows: list[MappedRow]) -> None:
        looked_at, refused = self._efforts(connection, rows)
        notes = [Note("best_effort", row.old_id, reason, row=row.values) for row, reason in refused]
        ledger.record_kept_aside(connection, "best_effort", looked_at, notes)

    def _efforts(
        self, connection: Connection, rows: list[MappedRow]
    ) -> tuple[list[str], list[tuple[Row, str]]]:
        """Add best efforts to activities. Returns the ids that were read, and the refused rows."""
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
        refused += [
            each for row in rows for each in self.mapper.give_efforts(row, of_activity[row.old_id])
        ]
        return looked_at, refused


def _refusal(
    kind: str, old_id: str, reason: str, row: object, known: dict[str, AdoptedRow]
) -> Note:
    if old_id in known:
        reason = f"{reason}; {STAYS}"
    return Note(
        kind, old_id, reason, adopted=old_id in known, row=row if isinstance(row, dict) else None
    )


def _accounts(
    connection: Connection, athlete_ids: Iterable[int], *, hold: bool
) -> dict[int, int | None]:
    """Find the accounts of existing athletes."""
    ids = {"ids": sorted(set(athlete_ids))}
    if hold:  # in the order of ids, like all code that locks several athletes
        connection.execute(
            text(
                "SELECT id FROM public.athletes WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"
            ),
            ids,
        )
    rows = connection.execute(
        text(
            "SELECT a.id, c.id FROM public.athletes a "
            "LEFT JOIN public.accounts c ON c.athlete_id = a.id WHERE a.id = ANY(:ids)"
        ),
        ids,
    )
    return dict(rows.all())
