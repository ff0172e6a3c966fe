"""The state of the adoption, in tables of schema `legacy`.

    ids          the new id of each old row; the REST routes look up old ids here
    adopted      what was written for each old row, and when. A value that differs now was
                 changed by pacegraph. `joined`: pacegraph had the row, and nothing was written
    kept_aside   rows that were not adopted, and single values that were not, with the reason
    changes      rows that the older service wrote since, recorded by triggers; a null id means
                 the whole table
    adoption     the progress of each table's walk, one row per table

Every step locks the rows of `adoption` first, so two processes take turns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

BOOKS = ("ids", "adopted", "kept_aside", "changes", "adoption")
KINDS = ("athlete", "activity", "feedback")
"""The kinds of rows that are adopted, parents before children."""

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS legacy",
    """CREATE TABLE IF NOT EXISTS legacy.ids (
        kind text NOT NULL, old_id text NOT NULL, new_id bigint NOT NULL,
        PRIMARY KEY (kind, old_id))""",
    "CREATE INDEX IF NOT EXISTS ix_ids_new_id ON legacy.ids (new_id, kind)",
    """CREATE TABLE IF NOT EXISTS legacy.adopted (
        kind text NOT NULL, old_id text NOT NULL, joined boolean NOT NULL, written jsonb,
        written_at timestamptz NOT NULL, PRIMARY KEY (kind, old_id))""",
    """CREATE TABLE IF NOT EXISTS legacy.kept_aside (
        source text NOT NULL, old_id text NOT NULL, reason text NOT NULL, adopted boolean NOT NULL,
        old_row jsonb, PRIMARY KEY (source, old_id, reason))""",
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
    """Why a row is kept aside or, if `adopted`, why a value of it is."""

    source: str
    old_id: str
    reason: str
    adopted: bool = False
    row: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AdoptedRow:
    """The new row of an old one, and what was written to it."""

    old_id: str
    new_id: int
    joined: bool
    written: dict[str, Any] | None
    written_at: Any


@dataclass(frozen=True, slots=True)
class WalkProgress:
    """The progress of a table's walk."""

    after_key: str | None
    complete: bool
    row_count: int


def exists(connection: Connection) -> bool:
    """Whether an adoption has begun."""
    return bool(
        connection.execute(text("SELECT to_regclass('legacy.adoption') IS NOT NULL")).scalar_one()
    )


def prepare(connection: Connection) -> None:
    """Create the tables that do not exist yet."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    for statement in _TABLES:
        connection.execute(text(statement))
    for kind in KINDS:
        connection.execute(
            text("INSERT INTO legacy.adoption (source) VALUES (:source) ON CONFLICT DO NOTHING"),
            {"source": kind},
        )


def drop(connection: Connection) -> None:
    """Drop the tables, and the schema if nothing else is in it."""
    for book in BOOKS:
        connection.execute(text(f"DROP TABLE IF EXISTS legacy.{book}"))
    connection.execute(text("DROP FUNCTION IF EXISTS legacy.note_change()"))
    connection.execute(text("DROP FUNCTION IF EXISTS legacy.erase_athlete(bigint)"))
    left = text("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('legacy')")
    if not connection.execute(left).scalar_one():
        connection.execute(text("DROP SCHEMA IF EXISTS legacy"))


# --- progress


def lock_adoption(connection: Connection) -> None:
    """Keep other processes of the adoption out until the commit."""
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(text("SELECT source FROM legacy.adoption ORDER BY source FOR UPDATE"))


def progress(connection: Connection, source: str) -> WalkProgress:
    row = connection.execute(
        text("SELECT after_key, complete, row_count FROM legacy.adoption WHERE source = :source"),
        {"source": source},
    ).one()
    return WalkProgress(*row)


def has_begun(connection: Connection, source: str) -> bool:
    """Whether the walk of a table has begun."""
    found = progress(connection, source)
    return found.complete or found.after_key is not None


def advance(
    connection: Connection, source: str, after_key: str | None, rows: int, *, complete: bool
) -> None:
    """Record that the walk has passed `after_key`, and how many rows it took."""
    connection.execute(
        text(
            "UPDATE legacy.adoption SET after_key = coalesce(:after_key, after_key), "
            "complete = :complete, row_count = row_count + :rows, finished_at = NULL "
            "WHERE source = :source"
        ),
        {"source": source, "after_key": after_key, "rows": rows, "complete": complete},
    )


def restart_walks(connection: Connection) -> None:
    """Walk all tables again from the start, and look for deleted rows."""
    connection.execute(
        text(
            "UPDATE legacy.adoption SET after_key = NULL, complete = false, row_count = 0, "
            "finished_at = NULL"
        )
    )
    connection.execute(
        text("INSERT INTO legacy.changes (source) SELECT source FROM legacy.adoption")
    )


def naive_zone(connection: Connection) -> str | None:
    """Get the zone in which times without a zone were read; None before the first run."""
    found: str | None = connection.execute(
        text("SELECT max(naive_zone) FROM legacy.adoption")
    ).scalar_one()
    return found


def set_naive_zone(connection: Connection, zone: str) -> None:
    connection.execute(text("UPDATE legacy.adoption SET naive_zone = :zone"), {"zone": zone})


def reset_walks(connection: Connection) -> None:
    """Forget the progress, the changes and the rows kept aside."""
    connection.execute(text("DELETE FROM legacy.changes"))
    connection.execute(text("DELETE FROM legacy.kept_aside"))
    connection.execute(
        text("UPDATE legacy.adoption SET after_key = NULL, complete = false, row_count = 0")
    )


def finish(connection: Connection) -> None:
    connection.execute(text("UPDATE legacy.adoption SET finished_at = now()"))


def is_finished(connection: Connection) -> bool:
    statement = text(
        "SELECT coalesce(bool_and(finished_at IS NOT NULL), false) FROM legacy.adoption"
    )
    return bool(connection.execute(statement).scalar_one())


def request_recalculation(connection: Connection, *, wanted: bool = True) -> None:
    connection.execute(text("UPDATE legacy.adoption SET recalculate = :wanted"), {"wanted": wanted})


def recalculation_is_requested(connection: Connection) -> bool:
    return bool(
        connection.execute(text("SELECT bool_or(recalculate) FROM legacy.adoption")).scalar_one()
    )


# --- ids


def known(connection: Connection, kind: str, old_ids: Sequence[str]) -> dict[str, AdoptedRow]:
    """Look up adopted rows by old id."""
    rows = connection.execute(
        text(
            "SELECT old_id, new_id, joined, written, written_at FROM legacy.adopted "
            "JOIN legacy.ids USING (kind, old_id) WHERE kind = :kind AND old_id = ANY(:old_ids)"
        ),
        {"kind": kind, "old_ids": list(old_ids)},
    )
    return {row.old_id: AdoptedRow(*row) for row in rows}


def ids_after(connection: Connection, kind: str, after: str, limit: int) -> list[str]:
    """List old ids of adopted rows, sorted."""
    rows = connection.execute(
        text(
            "SELECT old_id FROM legacy.ids WHERE kind = :kind AND old_id > :after "
            "ORDER BY old_id LIMIT :row_limit"
        ),
        {"kind": kind, "after": after, "row_limit": limit},
    )
    return list(rows.scalars())


def new_ids(connection: Connection, kind: str, old_ids: Iterable[str]) -> dict[str, int]:
    rows = connection.execute(
        text("SELECT old_id, new_id FROM legacy.ids WHERE kind = :kind AND old_id = ANY(:old_ids)"),
        {"kind": kind, "old_ids": list(old_ids)},
    )
    return {row.old_id: row.new_id for row in rows}


def record_adopted(
    connection: Connection, kind: str, rows: Iterable[tuple[str, int, dict[str, Any] | None]]
) -> None:
    """Record the new row of each old one, and what was written; None if it existed before."""
    values = json.dumps(
        [
            {"old_id": old_id, "new_id": new_id, "written": written}
            for old_id, new_id, written in rows
        ]
    )
    source = (
        "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
        "AS r(old_id text, new_id bigint, written jsonb)"
    )
    connection.execute(
        text(
            f"INSERT INTO legacy.ids SELECT :kind, old_id, new_id {source} "
            "ON CONFLICT (kind, old_id) DO UPDATE SET new_id = excluded.new_id"
        ),
        {"kind": kind, "rows": values},
    )
    connection.execute(
        text(
            "INSERT INTO legacy.adopted "
            f"SELECT :kind, old_id, written IS NULL, written, now() {source} "
            "ON CONFLICT (kind, old_id) DO UPDATE SET joined = excluded.joined, "
            "written = excluded.written, written_at = excluded.written_at"
        ),
        {"kind": kind, "rows": values},
    )


def forget(connection: Connection, kind: str, old_ids: Sequence[str]) -> None:
    """Delete the records of `old_ids`."""
    for table in ("ids", "adopted"):
        connection.execute(
            text(f"DELETE FROM legacy.{table} WHERE kind = :kind AND old_id = ANY(:old_ids)"),
            {"kind": kind, "old_ids": list(old_ids)},
        )


# --- rows kept aside


def record_kept_aside(
    connection: Connection, source: str, old_ids: Sequence[str], notes: Iterable[Note]
) -> None:
    """Replace the reasons recorded for `old_ids` by `notes`."""
    connection.execute(
        text("DELETE FROM legacy.kept_aside WHERE source = :source AND old_id = ANY(:old_ids)"),
        {"source": source, "old_ids": list(old_ids)},
    )
    rows = [
        {
            "old_id": note.old_id,
            "reason": note.reason,
            "adopted": note.adopted,
            "old_row": _without_secrets(note.row),
        }
        for note in notes
    ]
    if rows:
        connection.execute(
            text(
                "INSERT INTO legacy.kept_aside (source, old_id, reason, adopted, old_row) "
                "SELECT :source, old_id, reason, adopted, old_row "
                "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
                "AS r(old_id text, reason text, adopted boolean, old_row jsonb) "
                "ON CONFLICT DO NOTHING"
            ),
            {"source": source, "rows": _as_jsonb(rows)},
        )


def _as_jsonb(rows: Any) -> str:
    """Write JSON without the characters that jsonb refuses: NUL and lone surrogates."""
    return (
        json.dumps(rows, ensure_ascii=False)
        .encode(errors="replace")
        .decode()
        .replace("\\u0000", "\N{REPLACEMENT CHARACTER}")
    )


def _without_secrets(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Leave out columns that may hold secrets, which must not be stored a second time."""
    return row and {
        name: value
        for name, value in row.items()
        if not any(word in name.lower() for word in _SECRET)
    }


def retry_kept_aside(connection: Connection) -> None:
    """Schedule the rows that were kept aside."""
    connection.execute(
        text(
            "INSERT INTO legacy.changes (source, old_id) "
            "SELECT DISTINCT source, old_id FROM legacy.kept_aside WHERE source = ANY(:kinds)"
        ),
        {"kinds": list(KINDS)},
    )


# --- changes


def take_changes(connection: Connection, newest: int, limit: int) -> list[tuple[str, str | None]]:
    """Remove and return the oldest changes up to `newest`, as (source, old id)."""
    rows = connection.execute(
        text(
            "DELETE FROM legacy.changes WHERE id IN (SELECT id FROM legacy.changes "
            "WHERE id <= :newest ORDER BY id LIMIT :row_limit) RETURNING source, old_id"
        ),
        {"newest": newest, "row_limit": limit},
    )
    return [(row.source, row.old_id) for row in rows]


def record_all_changed(connection: Connection, kind: str) -> None:
    """Schedule all adopted and kept-aside rows of a table that was truncated or walks again."""
    connection.execute(
        text(
            "INSERT INTO legacy.changes (source, old_id) "
            "SELECT kind, old_id FROM legacy.ids WHERE kind = :kind "
            "UNION SELECT source, old_id FROM legacy.kept_aside WHERE source = :kind"
        ),
        {"kind": kind},
    )


def newest_change(connection: Connection) -> int:
    """Get the id of the newest change; 0 if there is none."""
    found: int = connection.execute(
        text("SELECT coalesce(max(id), 0) FROM legacy.changes")
    ).scalar_one()
    return found


def count_changes(connection: Connection) -> int:
    found: int = connection.execute(text("SELECT count(*) FROM legacy.changes")).scalar_one()
    return found
