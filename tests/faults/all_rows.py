"""All rows of athletes and their jobs, comparable between runs: ids are named, times of writing left out."""

import json
from typing import Any

from db.models.base import Base
from db.statements.listed_row import VALUE_SEPARATOR
from tests.jobs.world import World

_OF_THE_SERVER = {
    "data_changes",
    "event_budgets",
    "idempotency_keys",
    "old_ids",
    "strava_quotas",
    "strava_troubles",
    "sync_budgets",
    "used_sign_ins",
}
"""Tables that tell nothing of an athlete, or how much was asked."""
_CHANGES = "athlete_changes"
_TIMES_OF_RUNS = {"started_at", "started_at_local", "achieved_at"}
_OF_ATTEMPTS = {
    "access_token",
    "attempts",
    "attempt_started_done",
    "checkpoint",
    "data_version",
    "failures",
    "live_since",
    "personal_bests_changed",  # a best that is found again counts as changed again
    "previous_for_others_id",
    "previous_id",
    "quota_until",
    "refresh_token",
    "since",
    "version",
    "waiting_since",
}
"""Columns that a repeated attempt changes, and ids that others tell as well."""
_OF_ARCHIVES = {"size_bytes", "token"}
"""Columns of `exports` that are others each time: an archive tells of its attempts."""
_NAMED = {
    "activity_id": "activities.strava_id",
    "duplicate_of_id": "activities.strava_id",
    "gear_id": "gear.strava_id",
    "athlete_id": "athletes.first_name",
    "connection_id": "strava_connections.strava_athlete_id",
}
"""What stands for an id."""


_OF_ATHLETES = (
    "activities",
    "activity_heart_rates",
    "activity_laps",
    "activity_routes",
    "activity_splits",
    "activity_streams",
    "athletes",
    "best_efforts",
    "personal_bests",
)
_SEEN = {"seen_by_job_id": None, "streams_asked_by_job_id": None}
"""Columns that tell which job looked last."""


def rows_of_athletes(world: World) -> dict[str, list[str]]:
    """Get the rows that Strava's data makes, whatever jobs brought them; as `all_rows` does."""
    found = all_rows(world)
    return {
        table: sorted(json.dumps({**json.loads(row), **_SEEN}) for row in found.get(table, ()))
        for table in _OF_ATHLETES
    }


def all_rows(world: World) -> dict[str, list[str]]:
    """Get the rows of each table that has some, as sorted JSON."""
    names = {name: _names(world, *name.split(".")) for name in set(_NAMED.values())}
    found = {}
    for table in Base.metadata.tables:
        if table in _OF_THE_SERVER:
            continue
        rows = [row["row"] for row in world.rows(f"SELECT to_jsonb(t) AS row FROM {table} t")]
        if table == _CHANGES:
            found[table] = _told(rows, names["activities.strava_id"])
        elif rows:
            is_job = table == "jobs"
            left_out = _OF_ARCHIVES if table == "exports" else set()
            comparable = (
                {
                    column: value
                    for column, value in _comparable(row, names, is_job=is_job).items()
                    if column not in left_out
                }
                for row in rows
            )
            found[table] = sorted(json.dumps(each, sort_keys=True) for each in comparable)
    return found


def _told(rows: list[dict[str, Any]], strava_ids: dict[int, Any]) -> list[str]:
    """What the rows of changes tell, however often, in however many of them."""
    activities = {strava_ids.get(each, "gone") for row in rows for each in row["activity_ids"]}
    distances = {each for row in rows for each in row["distances"]}
    athlete = {"the athlete" for row in rows if row["of_athlete"]}
    return sorted(map(str, activities | distances | athlete))


def _names(world: World, table: str, column: str) -> dict[int, Any]:
    rows = world.rows(f"SELECT id, {column} AS name FROM {table}")
    return {row["id"]: row["name"] for row in rows}


def _comparable(row: dict[str, Any], names: dict[str, Any], *, is_job: bool) -> dict[str, Any]:
    kept = {column: value for column, value in row.items() if column not in _OF_ATTEMPTS | {"id"}}
    if kept.get("listed_json"):  # it begins with the id
        kept["listed_json"] = kept["listed_json"].partition(VALUE_SEPARATOR)[2]
    for column, value in kept.items():
        if column in _NAMED and value is not None:
            kept[column] = names[_NAMED[column]].get(value, "gone")
        elif column.endswith(("job_id", "_at", "_until")) and (
            is_job or column not in _TIMES_OF_RUNS
        ):
            kept[column] = value is not None
    return kept
