"""Inserts rows for old ones that have none yet, or joins them to rows that pacegraph has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from athletics.sport import is_run
from legacy.adoption import ledger
from legacy.adoption.joined_rows import join
from legacy.adoption.ledger import AdoptedRow, Note
from legacy.adoption.new_row import NEW_TABLES, NewTable
from legacy.adoption.row_mapping import MappedRow
from legacy.adoption.strava_grant import StravaGrants, connected

IN_THE_WAY = "another row was in the way, and is gone: the next run adopts it"
DELETED_HERE = "its athlete deleted it here: it stays so"


def place_feedback(connection: Connection, rows: Sequence[MappedRow]) -> list[Note]:
    """Insert messages of feedback; `rows` hold their account's id."""
    _, notes = _insert(connection, "feedback", rows, [row.values for row in rows])
    return notes


def place_activities(connection: Connection, rows: Sequence[MappedRow]) -> list[Note]:
    """Insert or join activities; `rows` hold their athlete's id, which the caller has locked.

    Those that their athletes deleted here are left out.
    """
    rows, left_out = _without_deleted(connection, rows)
    values = [
        {
            **row.values,
            "streams_state": "ABSENT" if is_run(row.values["sport_type"]) else "UNWANTED",
        }
        for row in rows
    ]
    in_the_way, notes = _insert(connection, "activity", rows, values)
    there = activities_at_strava(connection, [row.values for row in in_the_way])
    joined = [
        (row, there.get((row.values["athlete_id"], row.values["strava_id"]))) for row in in_the_way
    ]
    found = [(row, new_id) for row, new_id in joined if new_id is not None]
    notes += [
        Note("activity", row.old_id, IN_THE_WAY, row=row.row)
        for row, new_id in joined
        if new_id is None
    ]
    return left_out + notes + join(connection, "activity", found)


def _without_deleted(
    connection: Connection, rows: Sequence[MappedRow]
) -> tuple[list[MappedRow], list[Note]]:
    """Leave out the activities of Strava that their athletes deleted here, with a note each."""
    deleted = _at_strava(connection, "deleted_activities", [row.values for row in rows])
    kept, notes = [], []
    for row in rows:
        if (row.values["athlete_id"], row.values["strava_id"]) in deleted:
            notes.append(Note("activity", row.old_id, DELETED_HERE, row=row.row))
        else:
            kept.append(row)
    return kept, notes


def place_athletes(
    connection: Connection, grants: StravaGrants, rows: Sequence[MappedRow]
) -> list[Note]:
    """Insert athletes with accounts and connections, or join those that have signed in before."""
    there = connected(connection, _strava_ids(rows))
    new = _first_of_each(
        row for row in rows if row.grant is None or row.grant.strava_id not in there
    )
    _, notes = _insert(connection, "athlete", new, [row.values for row in new])
    _connect(connection, grants, new)
    placed = ledger.new_ids(connection, "athlete", [row.old_id for row in rows])
    done = placed.keys() | {note.old_id for note in notes}
    left = [row for row in rows if row.old_id not in done]
    there = connected(connection, _strava_ids(left))
    found = [
        (row, there[row.grant.strava_id])
        for row in left
        if row.grant and row.grant.strava_id in there
    ]
    met = {row.old_id for row, _ in found}
    notes += [
        Note("athlete", row.old_id, IN_THE_WAY, row=row.row)
        for row in left
        if row.old_id not in met
    ]
    _create_accounts(connection, [*placed.values(), *(athlete_id for _, athlete_id in found)])
    return notes + join(connection, "athlete", found)


def _strava_ids(rows: Iterable[MappedRow]) -> list[int]:
    return [row.grant.strava_id for row in rows if row.grant]


def _first_of_each(rows: Iterable[MappedRow]) -> list[MappedRow]:
    """Keep one row per Strava account."""
    found: dict[int | str, MappedRow] = {}
    for row in rows:
        found.setdefault(row.grant.strava_id if row.grant else row.old_id, row)
    return list(found.values())


def _insert(
    connection: Connection,
    kind: str,
    rows: Sequence[MappedRow],
    values: Sequence[Mapping[str, Any]],
) -> tuple[list[MappedRow], list[Note]]:
    """Insert and record rows. Returns the rows that met a conflict, and notes on those refused."""
    if not rows:
        return [], []
    table = NEW_TABLES[kind]
    ids = table.new_ids(connection, len(rows))
    numbered = [{"id": new_id, **each} for new_id, each in zip(ids, values, strict=True)]
    inserted, refused = _insert_by_halves(connection, table, numbered)
    written = []
    in_the_way, notes = [], []
    for new_id, row in zip(ids, rows, strict=True):
        if new_id in inserted:
            written.append((row.old_id, new_id, row.values))
        elif new_id in refused:
            notes.append(Note(kind, row.old_id, refused[new_id], row=row.row))
        else:
            in_the_way.append(row)
    ledger.record_adopted(connection, kind, written)
    return in_the_way, notes


def _insert_by_halves(
    connection: Connection, table: NewTable, rows: Sequence[Mapping[str, Any]]
) -> tuple[set[int], dict[int, str]]:
    """Insert all rows, or if PostgreSQL refuses, each half by itself.

    Returns the inserted ids, and the reasons of the refused ones.
    """
    try:
        with connection.begin_nested():
            return table.insert(connection, rows), {}
    except OperationalError:
        raise
    except DBAPIError as error:
        if len(rows) == 1:
            return set(), {rows[0]["id"]: refusal(error)}
    inserted: set[int] = set()
    refused: dict[int, str] = {}
    middle = len(rows) // 2
    for half in (rows[:middle], rows[middle:]):
        more, no_more = _insert_by_halves(connection, table, half)
        inserted |= more
        refused |= no_more
    return inserted, refused


def refusal(error: DBAPIError) -> str:
    """Write PostgreSQL's reason without the row, which may hold personal data."""
    diagnosis = getattr(error.orig, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    message = constraint or getattr(diagnosis, "message_primary", None) or type(error.orig).__name__
    return f"PostgreSQL refused it: {message}"


def activities_at_strava(
    connection: Connection, values: Sequence[Mapping[str, Any]]
) -> dict[tuple[int, int], int]:
    """Find the activities that have the `athlete_id` and `strava_id` of one of `values`."""
    return _at_strava(connection, "activities", values)


def deleted_here(connection: Connection, activity_ids: Iterable[int]) -> set[int]:
    """Find those of the activities that their athletes deleted here."""
    statement = text("SELECT id FROM public.deleted_activities WHERE id = ANY(:ids)")
    return set(connection.execute(statement, {"ids": list(activity_ids)}).scalars())


def came_back(connection: Connection, gone: Sequence[tuple[MappedRow, AdoptedRow]]) -> set[str]:
    """Find the old ids of activities `gone` that may be placed again.

    Those are there again from Strava, or come from no service and their athletes restored them.
    """
    there = activities_at_strava(connection, [row.values for row, _ in gone])
    deleted = deleted_here(connection, [known.new_id for _, known in gone])
    return {
        row.old_id
        for row, known in gone
        if (row.values["athlete_id"], row.values["strava_id"]) in there
        or (row.values["strava_id"] is None and known.new_id not in deleted)
    }


def _at_strava(
    connection: Connection, table: str, values: Sequence[Mapping[str, Any]]
) -> dict[tuple[int, int], int]:
    rows = connection.execute(
        text(
            f"SELECT athlete_id, strava_id, id FROM public.{table} "
            "WHERE athlete_id = ANY(:athletes) AND strava_id = ANY(:strava_ids)"
        ),
        {
            "athletes": [each["athlete_id"] for each in values],
            "strava_ids": [each["strava_id"] for each in values if each["strava_id"]],
        },
    )
    return {(row.athlete_id, row.strava_id): row.id for row in rows}


def _connect(connection: Connection, grants: StravaGrants, rows: Sequence[MappedRow]) -> None:
    """Insert the connections of new athletes, or delete athletes that have just signed in."""
    ids = ledger.new_ids(connection, "athlete", [row.old_id for row in rows])
    written, lost = [], []
    for row in rows:
        if row.grant is None or row.old_id not in ids:
            continue
        grants.open(row.grant, row.remarks)
        grant_written = grants.connect(connection, ids[row.old_id], row.grant)
        if grant_written is None:
            lost.append(row.old_id)
        else:
            written.append(
                (row.old_id, ids[row.old_id], {**row.values, "connection": grant_written})
            )
    ledger.record_adopted(connection, "athlete", written)
    if lost:
        NEW_TABLES["athlete"].delete(connection, [ids[old_id] for old_id in lost])
        ledger.forget(connection, "athlete", lost)


def _create_accounts(connection: Connection, athlete_ids: Iterable[int]) -> None:
    """Create missing accounts. Sign-in decides later which of them administer."""
    connection.execute(
        text(
            "INSERT INTO public.accounts (athlete_id) SELECT unnest(CAST(:ids AS bigint[])) "
            "ON CONFLICT DO NOTHING"
        ),
        {"ids": sorted(set(athlete_ids))},
    )
