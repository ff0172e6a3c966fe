"""Compares every value of the old tables with pacegraph's, in one snapshot and without locks.

A value that pacegraph or an athlete has changed since, which the row shows, is no difference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from legacy.adoption import capture, ledger
from legacy.adoption.batch import Adopter
from legacy.adoption.joined_rows import JoinedRows
from legacy.adoption.ledger import KINDS, AdoptedRow
from legacy.adoption.new_row import NEW_TABLES, CurrentRow
from legacy.adoption.old_table import OldTable, Row, quoted
from legacy.adoption.placement import deleted_here
from legacy.adoption.renewal import STAYS, differing, own_columns
from legacy.adoption.row_mapping import MappedRow
from legacy.adoption.strava_grant import connected, is_untouched
from runtime.clock import utc_now

_AT_ONCE = 1000
_SHOWN = 50


@dataclass(slots=True)
class Verdict:
    """The result: at most 50 `differences`, and in `number` the count of all.

    `own` counts the values that pacegraph has changed itself.
    """

    differences: list[str] = field(default_factory=list)
    number: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)

    def differs(self, what: str) -> None:
        self.number += 1
        if len(self.differences) < _SHOWN:
            self.differences.append(what)


def verify(connection: Connection, adopter: Adopter, feedback_days: int) -> Verdict:
    """Compare everything. `connection` must show one snapshot.

    Feedback is deleted after `feedback_days`; 0: never.
    """
    verdict = Verdict()
    kept_since = utc_now() - timedelta(days=feedback_days) if feedback_days else None
    for kind in KINDS:
        table = adopter.tables.get(kind)
        if table is not None:
            _Comparison(connection, adopter, kind, verdict, kept_since).run(table)
    if waiting := ledger.count_changes(connection):
        verdict.differs(
            f"{waiting} changes of the older service are not carried over yet: "
            "run `pacegraph adopt`"
        )
    return verdict


class _Comparison:
    def __init__(
        self,
        connection: Connection,
        adopter: Adopter,
        kind: str,
        verdict: Verdict,
        feedback_since: datetime | None,
    ) -> None:
        self._connection = connection
        self._adopter = adopter
        self._kind = kind
        self._verdict = verdict
        self._feedback_since = feedback_since
        self._new = NEW_TABLES[kind]
        self._gone: dict[int, set[int]] = {}
        """Activities by athlete that are gone, and were not deleted here."""

    def run(self, table: OldTable) -> None:
        for rows in table.all(self._connection, _AT_ONCE):
            self._compare(rows)
        self._look_for_orphans(table)
        self._look_for_deleted()
        if not capture.has_triggers(self._connection, table) and not ledger.is_finished(
            self._connection
        ):
            self._verdict.differs(
                f"{table}: its trigger is gone, so changes were missed: "
                "run `pacegraph adopt --rescan`"
            )

    def _compare(self, rows: Sequence[Row]) -> None:
        old_ids = [row.old_id for row in rows]
        mapped, refused = self._adopter.mapped(self._connection, self._kind, rows)
        known = ledger.known(self._connection, self._kind, old_ids)
        current = self._new.current(self._connection, [each.new_id for each in known.values()])
        aside = self._kept_aside(old_ids)
        pairs = [(row, known[row.old_id]) for row in mapped if row.old_id in known]
        joins = JoinedRows(self._connection, self._kind, pairs)
        if self._kind == "activity":
            self._note_gone(
                [
                    (row, known)
                    for row, known in pairs
                    if known.new_id not in current and STAYS not in aside.get(row.old_id, "")
                ]
            )
        for note in refused:
            if note.old_id not in aside:
                self._differs(note.old_id, f"is neither adopted nor kept aside ({note.reason})")
        for row in mapped:
            self._verdict.compared[self._kind] += 1
            if STAYS in aside.get(row.old_id, ""):
                self._verdict.own[f"{self._kind} (not taken over)"] += 1
            elif row.old_id in known:
                self._compare_one(
                    row, known[row.old_id], current.get(known[row.old_id].new_id), joins
                )
            elif row.old_id not in aside:
                self._differs(row.old_id, "is not adopted")
        if self._kind == "athlete":
            self._compare_access(pairs)

    def _compare_one(
        self, row: MappedRow, known: AdoptedRow, there: CurrentRow | None, joins: JoinedRows
    ) -> None:
        if there is None:
            if self._is_past_its_time(row):
                self._verdict.own["feedback (deleted by its age)"] += 1
            elif self._kind != "activity":  # those are counted
                self._differs(row.old_id, f"became {self._new.name} {known.new_id}, which is gone")
            return
        if known.joined:
            if not joins.holds(row, known, there):
                self._differs(
                    row.old_id, f"is not the same as {self._new.name} {known.new_id} any more"
                )
            return
        own = own_columns(self._new, known, there)
        for name in differing(self._new, row.values, there):
            if name in own:
                self._verdict.own[f"{self._new.name}.{name}"] += 1
            else:
                what = (
                    f"{self._new.name} {known.new_id}: {name} is {there.values[name]!r}, "
                    f"not {row.values.get(name)!r}"
                )
                self._differs(row.old_id, what)

    def _is_past_its_time(self, row: MappedRow) -> bool:
        """Whether the server deletes the row because of its age."""
        sent_at, since = row.values.get("created_at"), self._feedback_since
        if self._kind != "feedback" or sent_at is None or since is None:
            return False
        return datetime.fromisoformat(sent_at) < since

    def _compare_access(self, rows: Sequence[tuple[MappedRow, AdoptedRow]]) -> None:
        """Compare accounts and connections to Strava, without printing tokens."""
        made = [(row, known) for row, known in rows if not known.joined]
        ids = [known.new_id for _, known in made]
        connections = self._adopter.grants.current(self._connection, ids)
        accounts = set(
            self._column("SELECT athlete_id FROM public.accounts WHERE athlete_id = ANY(:ids)", ids)
        )
        leaving = set(
            self._column(
                "SELECT athlete_id FROM public.jobs WHERE athlete_id = ANY(:ids) "
                "AND kind IN ('STRAVA_DISCONNECT', 'ERASE_ATHLETE')",
                ids,
            )
        )
        for row, known in made:
            if known.new_id not in accounts:
                self._differs(row.old_id, f"athletes {known.new_id}: has no account")
            problem = self._connection_problem(
                row, known, connections.get(known.new_id), known.new_id in leaving
            )
            if problem:
                self._differs(
                    row.old_id, f"strava_connections of athlete {known.new_id}: {problem}"
                )

    def _connection_problem(
        self,
        row: MappedRow,
        known: AdoptedRow,
        there: Any,
        leaving: bool,  # noqa: FBT001
    ) -> str | None:
        written = (known.written or {}).get("connection")
        if there is None:
            if row.grant is None or leaving or connected(self._connection, [row.grant.strava_id]):
                return None
            return "there is none"
        if written is None or not is_untouched(there, written):
            self._verdict.own["strava_connections"] += 1
            return None
        if row.grant is None:
            return "there is one, and the older service has none"
        return self._adopter.grants.differs(there, row.grant)

    def _look_for_orphans(self, table: OldTable) -> None:
        assert table.key
        statement = (
            "SELECT old_id FROM legacy.ids WHERE kind = :kind AND NOT EXISTS ("
            f"SELECT FROM {table.sql} t WHERE t.{quoted(table.key)}::text = old_id) "
            "ORDER BY old_id"
        )
        for old_id in self._connection.execute(text(statement), {"kind": self._kind}).scalars():
            self._differs(old_id, "is adopted, and the older service has it no more")

    def _note_gone(self, rows: Sequence[tuple[MappedRow, AdoptedRow]]) -> None:
        """Tell activities that their athletes deleted here from others that are gone."""
        deleted = deleted_here(self._connection, [known.new_id for _, known in rows])
        if deleted:
            self._verdict.own["activities (deleted)"] += len(deleted)
        for row, known in rows:
            if known.new_id not in deleted:
                self._gone.setdefault(row.values["athlete_id"], set()).add(known.new_id)

    def _look_for_deleted(self) -> None:
        """Check activities that are gone against the jobs' counts of those deleted at Strava."""
        statement = text(
            "SELECT athlete_id, sum(activities_deleted) FROM public.jobs "
            "WHERE athlete_id = ANY(:ids) GROUP BY 1"
        )
        by_jobs: dict[int, int] = dict(
            self._connection.execute(statement, {"ids": list(self._gone)}).all()
        )
        for athlete_id, gone in self._gone.items():
            missing = len(gone)
            if missing <= by_jobs.get(athlete_id, 0):
                self._verdict.own["activities (deleted)"] += missing
            else:
                what = (
                    f"{missing} adopted activities are gone: "
                    "`pacegraph adopt --rescan` finds those that came back"
                )
                self._differs(f"of athlete {athlete_id}", what)

    def _kept_aside(self, old_ids: Sequence[str]) -> dict[str, str]:
        """Find the reasons of rows kept aside, by old id."""
        statement = text(
            "SELECT old_id, string_agg(reason, '; ') FROM legacy.kept_aside "
            "WHERE source = :kind AND old_id = ANY(:old_ids) GROUP BY 1"
        )
        rows = self._connection.execute(statement, {"kind": self._kind, "old_ids": list(old_ids)})
        return dict(rows.all())

    def _column(self, statement: str, ids: Sequence[int]) -> Sequence[Any]:
        return self._connection.execute(text(statement), {"ids": list(ids)}).scalars().all()

    def _differs(self, old_id: str, what: str) -> None:
        self._verdict.differs(f"{self._kind} {old_id}: {what}")


def lines_of(verdict: Verdict) -> list[str]:
    """Write the lines to print."""
    lines = [f"compared: {_listed(verdict.compared)}"]
    if verdict.own:
        lines.append(f"pacegraph's own since, and so not compared: {_listed(verdict.own)}")
    lines += [f"DIFFERENCE {each}" for each in verdict.differences]
    if verdict.number > len(verdict.differences):
        lines.append(f"and {verdict.number - len(verdict.differences)} more")
    lines.append(f"{verdict.number} differences" if verdict.number else "no difference")
    return lines


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items())) or "nothing"
