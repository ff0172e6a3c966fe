"""What is known of the adoption: tables of schema `legacy`.

    ids          which row an old one became; the addresses of the older REST service are looked up here
    adopted      what was written for each old row, and when: whatever is there now and differs is pacegraph's own.
                 `joined`: the row was pacegraph's before, and nothing was written
    kept_aside   rows that were not adopted, and adopted ones of which a value was not, each with the reason
    changes      rows that the old service wrote since, noted by triggers; a null id is all of the table
    adoption     how far each table was walked, one row a table

Every step of the adoption locks the rows of `adoption` first, so that two processes take turns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

__all__ = ["BOOKS", "KINDS", "Known", "Note", "Progress", "exists", "prepare"]

BOOKS = ("ids", "adopted", "kept_aside", "changes", "adoption")
KINDS = ("athlete", "activity", "feedback")
"""What is adopted, in the order in which one refers to the other."""

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS legacy",
    """CREATE TABLE IF NOT EXISTS legacy.ids (
        kind text NOT NULL, old_id text NOT NULL, new_id bigint NOT NULL, PRIMARY KEY (kind, old_id))""",
    "CREATE INDEX IF NOT EXISTS ix_ids_new_id ON legacy.ids (new_id, kind)",
    """CREATE TABLE IF NOT EXISTS legacy.adopted (
        kind text NOT NULL, old_id text NOT NULL, joined boolean NOT NULL, written jsonb,
        written_at timestamptz NOT NULL, PRIMARY KEY (kind, old_id))""",
    """CREATE TABLE IF NOT EXISTS legacy.kept_aside (
        source text NOT NULL, old_id text NOT NULL, reason text NOT NULL, adopted boolean NOT NULL, old_row jsonb,
        PRIMARY KEY (source, old_id, reason))""",
    """CREATE TABLE IF NOT EXISTS legacy.changes (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source text NOT NULL, old_id text)""",
    """CREATE TABLE IF NOT EXISTS legacy.adoption (
        source text PRIMARY KEY, after_key text, complete boolean NOT NULL DEFAULT false,
        row_count bigint NOT NULL DEFAULT 0, recalculate boolean NOT NULL DEFAULT false,
        naive_zone text, finished_at timestamptz)""",
)
_LOCK = 0x70616361  # "paca"
_SECRET = ("token", "password", "secret")


@dataclass(frozen=True, slots=True)
class Note:
    """A row kept aside, or (`adopted`) a value of one."""

    source: str
    old_id: str
    reason: str
    adopted: bool = False
    row: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """What became of an old row."""

    old_id: str
    new_id: int
    joined: bool
    written: dict[str, Any] | None
    written_at: Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the walk of a table is."""

    after_key: str | None
    complete: bool
    row_count: int


def exists(connection: Connection) -> bool:
    """Whether an adoption was begun."""
    return bool(connection.execute(text("SELECT to_regclass('legacy.adoption') IS NOT NULL")).scalar_one())


def prepare(connection: Connection) -> None:
    """Make the tables that are not there yet."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    for statement in _TABLES:
        connection.execute(text(statement))
    for kind in KINDS:
        connection.execute(
            text("INSERT INTO legacy.adoption (source) VALUES (:source) ON CONFLICT DO NOTHING"), {"source": kind}
        )


def drop(connection: Connection) -> None:
    """Drop the tables, and the schema if nothing else is in it."""
    for book in BOOKS:
        connection.execute(text(f"DROP TABLE IF EXISTS legacy.{book}"))
    connection.execute(text("DROP FUNCTION IF EXISTS legacy.note_change()"))
    left = text("SELECT count(*) FROM pg_class WHERE relnamespace = 'legacy'::regnamespace")
    if not connection.execute(left).scalar_one():
        connection.execute(text("DROP SCHEMA legacy"))


# --- how far it is


def take_turn(connection: Connection) -> None:
    """Keep other processes of the adoption out until the commit."""
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(text("SELECT source FROM legacy.adoption ORDER BY source FOR UPDATE"))


def progress(connection: Connection, source: str) -> Progress:
    row = connection.execute(
        text("SELECT after_key, complete, row_count FROM legacy.adoption WHERE source = :source"), {"source": source}
    ).one()
    return Progress(*row)


def has_begun(connection: Connection, source: str) -> bool:
    """Whether the walk of a table has begun."""
    found = progress(connection, source)
    return found.complete or found.after_key is not None


def advance(connection: Connection, source: str, after_key: str | None, rows: int, *, complete: bool) -> None:
    """Note that the walk is behind `after_key`, and how many rows it took."""
    connection.execute(
        text(
            "UPDATE legacy.adoption SET after_key = coalesce(:after_key, after_key), complete = :complete, "
            "row_count = row_count + :rows, finished_at = NULL WHERE source = :source"
        ),
        {"source": source, "after_key": after_key, "rows": rows, "complete": complete},
    )


def start_again(connection: Connection) -> None:
    """Walk everything once more, and look for what is gone."""
    connection.execute(
        text("UPDATE legacy.adoption SET after_key = NULL, complete = false, row_count = 0, finished_at = NULL")
    )
    connection.execute(text("INSERT INTO legacy.changes (source) SELECT source FROM legacy.adoption"))


def naive_zone(connection: Connection) -> str | None:
    """The zone that times without one were read in so far."""
    found: str | None = connection.execute(text("SELECT max(naive_zone) FROM legacy.adoption")).scalar_one()
    return found


def set_naive_zone(connection: Connection, zone: str) -> None:
    connection.execute(text("UPDATE legacy.adoption SET naive_zone = :zone"), {"zone": zone})


def forget_walks(connection: Connection) -> None:
    """As if nothing had been walked, nor changed."""
    connection.execute(text("DELETE FROM legacy.changes"))
    connection.execute(text("DELETE FROM legacy.kept_aside"))
    connection.execute(text("UPDATE legacy.adoption SET after_key = NULL, complete = false, row_count = 0"))


def finish(connection: Connection) -> None:
    connection.execute(text("UPDATE legacy.adoption SET finished_at = now()"))


def is_finished(connection: Connection) -> bool:
    statement = text("SELECT coalesce(bool_and(finished_at IS NOT NULL), false) FROM legacy.adoption")
    return bool(connection.execute(statement).scalar_one())


def want_recalculation(connection: Connection, *, wanted: bool = True) -> None:
    connection.execute(text("UPDATE legacy.adoption SET recalculate = :wanted"), {"wanted": wanted})


def recalculation_is_wanted(connection: Connection) -> bool:
    return bool(connection.execute(text("SELECT bool_or(recalculate) FROM legacy.adoption")).scalar_one())


# --- which row became which


def known(connection: Connection, kind: str, old_ids: Sequence[str]) -> dict[str, Known]:
    """What became of `old_ids`, by old id."""
    rows = connection.execute(
        text(
            "SELECT old_id, new_id, joined, written, written_at FROM legacy.adopted "
            "JOIN legacy.ids USING (kind, old_id) WHERE kind = :kind AND old_id = ANY(:old_ids)"
        ),
        {"kind": kind, "old_ids": list(old_ids)},
    )
    return {row.old_id: Known(*row) for row in rows}


def ids_after(connection: Connection, kind: str, after: str, limit: int) -> list[str]:
    """Old ids of rows that are here, in order."""
    rows = connection.execute(
        text("SELECT old_id FROM legacy.ids WHERE kind = :kind AND old_id > :after ORDER BY old_id LIMIT :row_limit"),
        {"kind": kind, "after": after, "row_limit": limit},
    )
    return list(rows.scalars())


def new_ids(connection: Connection, kind: str, old_ids: Iterable[str]) -> dict[str, int]:
    rows = connection.execute(
        text("SELECT old_id, new_id FROM legacy.ids WHERE kind = :kind AND old_id = ANY(:old_ids)"),
        {"kind": kind, "old_ids": list(old_ids)},
    )
    return {row.old_id: row.new_id for row in rows}


def note_adopted(connection: Connection, kind: str, rows: Iterable[tuple[str, int, dict[str, Any] | None]]) -> None:
    """Note which new row each old one became, and what was written; None: it was there before."""
    values = json.dumps([{"old_id": old_id, "new_id": new_id, "written": written} for old_id, new_id, written in rows])
    source = "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(old_id text, new_id bigint, written jsonb)"
    connection.execute(
        text(
            f"INSERT INTO legacy.ids SELECT :kind, old_id, new_id {source} "
            "ON CONFLICT (kind, old_id) DO UPDATE SET new_id = excluded.new_id"
        ),
        {"kind": kind, "rows": values},
    )
    connection.execute(
        text(
            f"INSERT INTO legacy.adopted SELECT :kind, old_id, written IS NULL, written, now() {source} "
            "ON CONFLICT (kind, old_id) DO UPDATE "
            "SET joined = excluded.joined, written = excluded.written, written_at = excluded.written_at"
        ),
        {"kind": kind, "rows": values},
    )


def forget(connection: Connection, kind: str, old_ids: Sequence[str]) -> None:
    """Forget what became of `old_ids`."""
    for table in ("ids", "adopted"):
        connection.execute(
            text(f"DELETE FROM legacy.{table} WHERE kind = :kind AND old_id = ANY(:old_ids)"),  # noqa: S608
            {"kind": kind, "old_ids": list(old_ids)},
        )


# --- what was kept aside


def note_aside(connection: Connection, source: str, old_ids: Sequence[str], notes: Iterable[Note]) -> None:
    """Make `notes` all that is noted of `old_ids`."""
    connection.execute(
        text("DELETE FROM legacy.kept_aside WHERE source = :source AND old_id = ANY(:old_ids)"),
        {"source": source, "old_ids": list(old_ids)},
    )
    rows = [
        {"old_id": note.old_id, "reason": note.reason, "adopted": note.adopted, "old_row": _harmless(note.row)}
        for note in notes
    ]
    if rows:
        connection.execute(
            text(
                "INSERT INTO legacy.kept_aside (source, old_id, reason, adopted, old_row) "
                "SELECT :source, old_id, reason, adopted, old_row FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
                "AS r(old_id text, reason text, adopted boolean, old_row jsonb) ON CONFLICT DO NOTHING"
            ),
            {"source": source, "rows": _fit_for_jsonb(rows)},
        )


def _fit_for_jsonb(rows: Any) -> str:
    """JSON without the characters that jsonb refuses: NUL, and halves of surrogate pairs."""
    return (
        json.dumps(rows, ensure_ascii=False)
        .encode(errors="replace")
        .decode()
        .replace("\\u0000", "\N{REPLACEMENT CHARACTER}")
    )


def _harmless(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Leave out what must not lie about a second time."""
    return row and {name: value for name, value in row.items() if not any(word in name.lower() for word in _SECRET)}


def retry_kept_aside(connection: Connection) -> None:
    """Look again at what was kept aside."""
    connection.execute(
        text(
            "INSERT INTO legacy.changes (source, old_id) SELECT DISTINCT source, old_id FROM legacy.kept_aside "
            "WHERE source = ANY(:kinds)"
        ),
        {"kinds": list(KINDS)},
    )


# --- what the old service wrote since


def take_changes(connection: Connection, newest: int, limit: int) -> list[tuple[str, str | None]]:
    """Take the oldest changes up to `newest` off the list, as (source, old id)."""
    rows = connection.execute(
        text(
            "DELETE FROM legacy.changes WHERE id IN (SELECT id FROM legacy.changes WHERE id <= :newest "
            "ORDER BY id LIMIT :row_limit) RETURNING source, old_id"
        ),
        {"newest": newest, "row_limit": limit},
    )
    return [(row.source, row.old_id) for row in rows]


def note_all_changed(connection: Connection, kind: str) -> None:
    """A table was emptied, or is walked again: look at every row of it that was adopted or kept aside."""
    connection.execute(
        text(
            "INSERT INTO legacy.changes (source, old_id) SELECT kind, old_id FROM legacy.ids WHERE kind = :kind "
            "UNION SELECT source, old_id FROM legacy.kept_aside WHERE source = :kind"
        ),
        {"kind": kind},
    )


def newest_change(connection: Connection) -> int:
    """The last on the list, 0 where it is empty."""
    found: int = connection.execute(text("SELECT coalesce(max(id), 0) FROM legacy.changes")).scalar_one()
    return found


def count_changes(connection: Connection) -> int:
    found: int = connection.execute(text("SELECT count(*) FROM legacy.changes")).scalar_one()
    return found
