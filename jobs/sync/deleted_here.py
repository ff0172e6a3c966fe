"""Which activities at Strava the athlete deleted here, so that no sync or import brings them back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from db.statements.activities import deleted_activity


def deleted_here(connection: Connection, athlete_id: int, strava_ids: Sequence[int]) -> set[int]:
    """Find those of the `strava_ids`."""
    values = {"athlete": athlete_id, "strava_ids": list(strava_ids)}
    return set(connection.execute(deleted_activity.among(), values).scalars())


def without_deleted(
    connection: Connection, athlete_id: int, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Leave out the rows of those."""
    gone = deleted_here(connection, athlete_id, [row["strava_id"] for row in rows])
    return [row for row in rows if row["strava_id"] not in gone]
