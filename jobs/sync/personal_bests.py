"""What follows from an athlete's efforts as a whole: duplicates, which efforts count, personal bests."""

from typing import Any

from sqlalchemy import Connection

from athletics.duplicate import Recording, duplicate_of
from athletics.sport import is_run
from db.statements import best_effort, personal_best, sync
from jobs.attempt import Step

__all__ = ["remember_bests", "settle", "withdraw_hidden", "write_efforts"]

_BESTS = "bests"  # key of the checkpoint


def remember_bests(step: Step, athlete_id: int) -> None:
    """Note in the checkpoint, once a job, which bests there were before it changed anything: see `settle`."""
    if _BESTS not in step.checkpoint:
        step.checkpoint[_BESTS] = _current_bests(step.connection, athlete_id)


def settle(step: Step, athlete_id: int) -> None:
    """Bring duplicates and personal bests in step with activities and efforts, and count the bests that changed.

    A best changed where over a distance there is a new current one, another one, or none any more: since
    `remember_bests` or since the job last settled, so that deletions in between count too.
    """
    connection = step.connection
    connection.execute(sync.lock_athlete(), {"athlete": athlete_id})
    before = step.checkpoint.get(_BESTS, _current_bests(connection, athlete_id))
    _settle_duplicates(connection, athlete_id)
    _follow(connection, athlete_id)
    after = _current_bests(connection, athlete_id)
    step.bests_changed += sum(before.get(each) != after.get(each) for each in before.keys() | after.keys())
    if _BESTS in step.checkpoint:
        step.checkpoint[_BESTS] = after


def withdraw_hidden(connection: Connection, athlete_id: int, activity_ids: list[int]) -> None:
    """Let what others see follow at once where one of the activities was hidden from them; the end may be hours off."""
    if connection.execute(best_effort.hidden_now(), {"activity_ids": activity_ids}).scalar_one():
        _follow(connection, athlete_id)


def write_efforts(connection: Connection, activity_id: int, rows: list[dict[str, Any]]) -> None:
    """Make `rows` the efforts of an activity; exclusions stay."""
    kept = [row["distance"] for row in rows]
    connection.execute(best_effort.drop_other_efforts(), {"activity_id": activity_id, "kept_distances": kept})
    if rows:
        connection.execute(best_effort.write_efforts(), rows)


def _follow(connection: Connection, athlete_id: int) -> None:
    connection.execute(best_effort.recount(), {"athlete": athlete_id})
    for statement in personal_best.recalculate():
        connection.execute(statement, {"athlete_ids": [athlete_id]})


def _settle_duplicates(connection: Connection, athlete_id: int) -> None:
    recordings = connection.execute(sync.recordings(), {"athlete": athlete_id}).all()
    # A flagged recording must not stand for an honest one: it counts for nothing.
    originals = duplicate_of(
        Recording(each.id, each.started_at, each.elapsed_time_s, each.distance_m, each.has_streams)
        for each in recordings
        if is_run(each.sport_type) and not each.flagged
    )
    changes = [
        {"activity_id": each.id, "original_id": originals.get(each.id)}
        for each in recordings
        if each.duplicate_of_id != originals.get(each.id)
    ]
    if changes:
        connection.execute(sync.set_duplicate_of(), changes)


def _current_bests(connection: Connection, athlete_id: int) -> dict[str, list[float]]:
    """Id and time of the current best by distance."""
    rows = connection.execute(personal_best.current_bests(), {"athlete_ids": [athlete_id]})
    return {row.distance: [row.id, row.elapsed_s] for row in rows}
