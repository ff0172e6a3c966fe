"""The report on every old table: how many rows were adopted, joined, kept aside, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from legacy.adoption import ledger
from legacy.adoption.batch import NO_ATHLETE, Adopter
from legacy.adoption.ledger import KINDS
from legacy.adoption.old_row import RowRefused
from legacy.adoption.old_table import OldTable, Row
from legacy.adoption.row_mapping import distance_of

_AT_ONCE = 1000
_SHOWN = 20
_SAME_S = 1.0  # the older service stored whole seconds


def report(connection: Connection, adopter: Adopter, tables: Sequence[OldTable]) -> list[str]:
    """Write the report. `connection` must show one snapshot."""
    lines = []
    for table in tables:
        kind = table.kind if adopter.tables.get(table.kind or "") is table else None
        lines.append(f"{table}: {table.count(connection)} rows{_fate(connection, adopter, kind)}")
        if kind:
            lines += _reasons(connection, kind) + _columns(adopter, table, kind)
        if kind == "personal_best":
            lines += _bests(connection, adopter, table)
    return lines


def _fate(connection: Connection, adopter: Adopter, kind: str | None) -> str:
    if kind in KINDS:
        statement = text(
            "SELECT count(*) FILTER (WHERE NOT joined), count(*) FILTER (WHERE joined), "
            "(SELECT count(DISTINCT old_id) FROM legacy.kept_aside "
            "WHERE source = :kind AND NOT adopted) "
            "FROM legacy.adopted WHERE kind = :kind"
        )
        adopted, joined, aside = connection.execute(statement, {"kind": kind}).one()
        return f", {adopted} adopted, {joined} joined to rows that were there, {aside} kept aside"
    if kind == "best_effort" and "activity" in adopter.tables:
        given = connection.execute(
            text(
                "SELECT coalesce(sum(jsonb_array_length("
                "nullif(written -> 'given_efforts', 'null'))), 0) "
                "FROM legacy.adopted WHERE kind = 'activity'"
            )
        ).scalar_one()
        return (
            f", {given} adopted as the given efforts of their activities, "
            "all others kept where they are"
        )
    if kind == "personal_best":
        return ", kept where they are: pacegraph derives its own, compared here"
    return ", kept where they are: pacegraph has no table for them"


def _reasons(connection: Connection, kind: str) -> list[str]:
    statement = text(
        "SELECT reason, adopted, source, count(*) FROM legacy.kept_aside "
        "WHERE source IN (:kind, :kind || ' (deleted)') GROUP BY 1, 2, 3 ORDER BY 2, 4 DESC, 1"
    )
    return [
        f"  {number} {'adopted, but' if adopted else 'kept aside:'} {reason}"
        for reason, adopted, _, number in connection.execute(statement, {"kind": kind})
    ]


def _columns(adopter: Adopter, table: OldTable, kind: str) -> list[str]:
    used = {table.key, *adopter.mapper.columns(kind)}
    left = [name for name in table.types if name not in used]
    return [f"  columns that stay in the old table alone: {', '.join(left)}"] if left else []


# --- personal bests


@dataclass(slots=True)
class _BestComparison:
    outcomes: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)


def _bests(connection: Connection, adopter: Adopter, table: OldTable) -> list[str]:
    waiting = (
        ledger.recalculation_is_requested(connection)
        or connection.execute(
            text(
                "SELECT EXISTS (SELECT FROM public.jobs WHERE kind = 'PERSONAL_BESTS' "
                "AND status IN ('QUEUED', 'RUNNING', 'WAITING'))"
            )
        ).scalar_one()
    )
    bests = _BestComparison()
    for rows in table.all(connection, _AT_ONCE):
        _compare_bests(connection, adopter, rows, bests)
    lines = [f"  {number} {outcome}" for outcome, number in sorted(bests.outcomes.items())]
    lines += [f"    {each}" for each in bests.shown]
    return (
        ["  the recalculation has not ended yet: these numbers are of now"] if waiting else []
    ) + lines


def _compare_bests(
    connection: Connection, adopter: Adopter, rows: Sequence[Row], bests: _BestComparison
) -> None:
    read = []
    for row in rows:
        try:
            old = adopter.mapper.read("personal_best", row)
        except RowRefused:
            bests.outcomes["cannot be read"] += 1
            continue
        read.append(
            (row.old_id, old.text("athlete_id") or "", distance_of(old), old.number("elapsed_s"))
        )
    athletes = ledger.new_ids(connection, "athlete", {athlete for _, athlete, _, _ in read})
    statement = text(
        "SELECT athlete_id, distance, elapsed_s FROM public.personal_bests "
        "WHERE is_current AND athlete_id = ANY(:ids)"
    )
    current = {
        (row[0], row[1]): row[2]
        for row in connection.execute(statement, {"ids": list(athletes.values())})
    }
    for old_id, athlete, distance, elapsed_s in read:
        if athlete not in athletes or distance is None or not elapsed_s:
            outcome = (
                NO_ATHLETE
                if athlete not in athletes
                else "without a distance or time that pacegraph knows"
            )
            bests.outcomes[outcome] += 1
            continue
        here = current.get((athletes[athlete], distance.value))
        outcome = _outcome(elapsed_s, here)
        bests.outcomes[outcome] += 1
        if outcome != _SAME and len(bests.shown) < _SHOWN:
            bests.shown.append(
                f"{old_id} {distance.value}: {elapsed_s:g} s in the old table, here {here}"
            )


_SAME = "the same as pacegraph's (within 1 s)"


def _outcome(old_s: float, here_s: float | None) -> str:
    if here_s is None:
        return "pacegraph has none: no adopted run has such an effort"
    if abs(here_s - old_s) <= _SAME_S:
        return _SAME
    return (
        "pacegraph's is faster"
        if here_s < old_s
        else "pacegraph's is slower: the old one is of no adopted effort"
    )


# --- dry run


def dry_run_report(
    connection: Connection, adopter: Adopter, tables: Sequence[OldTable]
) -> list[str]:
    """Write what an adoption would do with every table, from the old rows alone."""
    athletes: set[str] = set()
    lines = []
    order = {kind: number for number, kind in enumerate(KINDS)}
    for table in sorted(tables, key=lambda each: order.get(each.kind or "", len(KINDS))):
        kind = table.kind
        if kind not in KINDS or adopter.tables.get(kind) is not table:
            lines.append(f"{table}: {table.count(connection)} rows{_unadopted(kind)}")
            continue
        outcomes: Counter[str] = Counter()
        for rows in table.all(connection, _AT_ONCE):
            _dry_run_batch(adopter, kind, rows, athletes, outcomes)
        aside = sum(
            number for reason, number in outcomes.items() if reason.startswith("kept aside")
        )
        lines.append(
            f"{table}: {outcomes['rows']} rows, {outcomes['rows'] - aside} would be adopted, "
            f"{aside} kept aside"
        )
        del outcomes["rows"]
        lines += [f"  {number} {reason}" for reason, number in outcomes.most_common()]
    return lines


def _unadopted(kind: str | None) -> str:
    if kind == "best_effort":
        return ", taken along with their activities"
    return ", compared with pacegraph's own" if kind == "personal_best" else ", kept where they are"


def _dry_run_batch(
    adopter: Adopter, kind: str, rows: Sequence[Row], athletes: set[str], outcomes: Counter[str]
) -> None:
    mapped, refused = adopter.read(kind, rows)
    outcomes["rows"] += len(rows)
    outcomes.update(f"kept aside: {note.reason}" for note in refused)
    for row in mapped:
        if kind == "athlete":
            athletes.add(row.old_id)
        elif kind == "activity" and row.parent not in athletes:
            outcomes[f"kept aside: {NO_ATHLETE}"] += 1
            continue
        outcomes.update(f"adopted, but {remark}" for remark in row.remarks)
