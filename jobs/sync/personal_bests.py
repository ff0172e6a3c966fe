"""Updates what all efforts of an athlete determine together: duplicates and personal bests."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from db.recording_groups import changed_groups
from db.statements.activities import activity as activities
from db.statements.activities import activity_edit
from db.statements.athletes import athlete as athletes
from db.statements.new_rows import values_of
from db.statements.performance import best_effort, personal_best
from jobs.attempt import Step
from jobs.sync.changes import note_changes

_BESTS = "bests"  # key of the checkpoint


def remember_bests(step: Step, athlete_id: int) -> None:
    """Store the current bests in the checkpoint, once a job, for `update_bests` to compare with."""
    if _BESTS not in step.checkpoint:
        step.checkpoint[_BESTS] = _current_bests(step.connection, athlete_id)


def update_bests(step: Step, athlete_id: int) -> None:
    """Update duplicates and personal bests, and count the bests that changed.

    A best has changed if its distance has another current best than before, or has one for the
    first time, or no longer. "Before" is the last call in this job, or else `remember_bests`, so
    deletions in between count.
    """
    connection = step.connection
    connection.execute(athletes.lock(), {"athlete": athlete_id})
    before = step.checkpoint.get(_BESTS, _current_bests(connection, athlete_id))
    after, changed = _recalculate(connection, athlete_id, step.job_id, before)
    step.bests_changed += len(changed)
    if _BESTS in step.checkpoint:
        step.checkpoint[_BESTS] = after


def forget_bests(step: Step) -> None:
    """Take the bests out of the checkpoint, where they would outlive their activities."""
    step.checkpoint.pop(_BESTS, None)


def recalculate(connection: Connection, athlete_id: int) -> None:
    """Find duplicates, then the personal bests of what stands, of no job. Locks the athlete."""
    connection.execute(athletes.lock(), {"athlete": athlete_id})
    _recalculate(connection, athlete_id, None, _current_bests(connection, athlete_id))


def _recalculate(
    connection: Connection, athlete_id: int, job_id: int | None, before: dict[str, list[float]]
) -> tuple[dict[str, list[float]], list[str]]:
    """Recalculate and note what changed; returns the current bests, and the distances of others."""
    regrouped = _update_duplicates(connection, athlete_id)
    _recalculate_bests(connection, athlete_id)
    after = _current_bests(connection, athlete_id)
    distances = before.keys() | after.keys()
    changed = [each for each in distances if before.get(each) != after.get(each)]
    note_changes(connection, athlete_id, job_id, activities=regrouped, distances=changed)
    return after, changed


def withdraw_hidden(
    connection: Connection, athlete_id: int, job_id: int | None, activity_ids: list[int]
) -> None:
    """Hide activities now that are recordings of a hidden run; update the bests if one is private.

    Others must not see them until the end of the job, which may be hours away. Lock the athlete
    before.
    """
    values = {"activity_ids": activity_ids}
    if connection.execute(activity_edit.near_hidden(), values).scalar_one():
        regrouped = _update_duplicates(connection, athlete_id)
        note_changes(connection, athlete_id, job_id, activities=regrouped)
    if connection.execute(best_effort.hidden_now(), values).scalar_one():
        _recalculate_bests(connection, athlete_id)


def write_efforts(
    connection: Connection, activity_ids: Sequence[int], rows: Iterable[dict[str, Any]]
) -> None:
    """Make `rows` the efforts of activities; exclusions stay."""
    values = {
        "activity_ids": activity_ids,
        "rows": values_of([{**row, "counts": False} for row in rows]),
    }
    connection.execute(best_effort.write_efforts(), values)


def _recalculate_bests(connection: Connection, athlete_id: int) -> None:
    for statement in personal_best.recalculate():
        connection.execute(statement, {"athlete_ids": [athlete_id]})


def _update_duplicates(connection: Connection, athlete_id: int) -> list[int]:
    """Find duplicates; returns the activities that are so no longer, or newly.

    Those of a hidden run are hidden with it, and returned too.
    """
    recordings = connection.execute(activities.recordings(), {"athlete": athlete_id})
    if changes := changed_groups(recordings):
        connection.execute(activities.set_duplicate_of(), changes)
    hiding = connection.execute(activity_edit.hide_with_run(), {"athlete": athlete_id})
    return [*changes.get("activity_ids", ()), *hiding.scalars()]


def _current_bests(connection: Connection, athlete_id: int) -> dict[str, list[float]]:
    """Id and time of the current best by distance."""
    rows = connection.execute(personal_best.current_bests(), {"athlete_ids": [athlete_id]})
    return {row.distance: [row.id, row.elapsed_s] for row in rows}
