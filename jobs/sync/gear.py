"""Writes the gear of activities, and what Strava tells of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from db.statements.activities import gear
from jobs.sync.activity_row import GEAR
from jobs.sync.changes import note_changes
from strava.gear import StravaGear


def with_gear(
    connection: Connection, athlete_id: int, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give rows of activities the `gear_id` of their shoes, which are created if they are new."""
    wanted = sorted({row[GEAR] for row in rows if row[GEAR] is not None})
    known: dict[str, int] = {}
    if wanted:
        values = {"athlete": athlete_id, "strava_ids": wanted}
        connection.execute(gear.ensure(), values)
        found = connection.execute(gear.by_strava_ids(), {"athlete": athlete_id})
        known = {row.strava_id: row.id for row in found}
    return [
        {name: value for name, value in row.items() if name != GEAR}
        | {"gear_id": known.get(row[GEAR])}
        for row in rows
    ]


def write_gear(
    connection: Connection,
    athlete_id: int,
    job_id: int | None,
    told: StravaGear,
    *,
    asked: bool = False,
) -> None:
    """Write what Strava tells of gear that is there, and note what changed; `asked`: it was asked.

    Gear of files with the same name is the same: Strava's takes its place. Lock the athlete before.
    """
    values = {
        "athlete": athlete_id,
        "gear_strava_id": told.strava_id,
        "new_name": told.name,
        "new_distance_m": told.distance_m,
        "new_retired": told.retired,
        "asked": asked,
    }
    is_changed = connection.execute(gear.write_told(), values).scalar_one_or_none()
    moved: Sequence[int] = ()
    if is_changed is not None and told.name is not None:
        of = {"athlete": athlete_id}
        for statement in gear.pass_on_edits():
            connection.execute(statement, of)
        moved = connection.execute(gear.use_stravas(), of).scalars().all()
        is_changed |= connection.execute(gear.discard_replaced(), of).rowcount > 0
    note_changes(connection, athlete_id, job_id, activities=moved, of_athlete=bool(is_changed))


def named_gear(
    connection: Connection, athlete_id: int, job_id: int | None, names: Iterable[str]
) -> dict[str, int]:
    """Find the ids of gear by its names, in lower case; what is new is created, and noted.

    Lock the athlete. Names beyond `gear.MOST_OF_ATHLETE` are left out.
    """
    wanted = {name.lower(): name for name in names}
    if not wanted:
        return {}
    values = {"athlete": athlete_id, "names": list(wanted)}
    known = _ids_by_name(connection, values)
    if new := [name for key, name in wanted.items() if key not in known]:
        count = connection.execute(gear.count(), {"athlete": athlete_id}).scalar_one()
        new = new[: max(0, gear.MOST_OF_ATHLETE - count)]
        connection.execute(gear.add_named(), {"athlete": athlete_id, "names": new})
        note_changes(connection, athlete_id, job_id, of_athlete=bool(new))
        known = _ids_by_name(connection, values)
    return known


def _ids_by_name(connection: Connection, values: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in connection.execute(gear.by_names(), values):
        found.setdefault(row.told, row.id)
    return found
