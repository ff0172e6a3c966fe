"""Updates what all efforts of an athlete determine together: duplicates and personal bests."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from db.recording_groups import changed_groups
from db.statements.activities import activity_edit, recording
from db.statements.athletes import athlete as athletes
from db.statements.new_rows import values_of
from db.statements.performance import best_effort, personal_best
from jobs.attempt import Step
from jobs.sync.changes import note_changes

_BESTS = "bests"  # key of the checkpoint
_Bests = dict[str, list[float | None]]
"""Id, time and age grade of an athlete's current bests, by distance."""


def remember_bests(step: Step, athlete_id: int) -> None:
    """Store the current bests in the checkpoint, once a job, for `update_bests` to compare with."""
    if _BESTS not in step.checkpoint:
        step.checkpoint[_BESTS] = _current_bests(step.connection, [athlete_id])[athlete_id]


def update_bests(step: Step, athlete_id: int) -> None:
    """Update duplicates and personal bests, and count the bests that changed.

    A best has changed if its distance has another current best than before, or has one for the
    first time, or no longer. "Before" is the last call in this job, or else `remember_bests`, so
    deletions in between count.
    """
    connection = step.connection
    connection.execute(athletes.lock(), {"athlete": athlete_id})
    before = step.checkpoint.get(_BESTS)
    if before is None:
        before = _current_bests(connection, [athlete_id])[athlete_id]
    after, changed = _recalculate(connection, step.job_id, {athlete_id: before})
    step.bests_changed += changed
    if _BESTS in step.checkpoint:
        step.checkpoint[_BESTS] = after[athlete_id]


def update_bests_of(connection: Connection, job_id: int | None, athlete_ids: Sequence[int]) -> int:
    """Do as `update_bests` for some athletes, in ascending order; returns how many bests changed.

    PostgreSQL takes a fifth of an athlete's time to plan these statements, once for all of them.
    """
    return _recalculate(connection, job_id, _locked(connection, athlete_ids))[1]


def forget_bests(step: Step) -> None:
    """Take the bests out of the checkpoint, where they would outlive their activities."""
    step.checkpoint.pop(_BESTS, None)


def recalculate(connection: Connection, athlete_id: int) -> None:
    """Find duplicates, then the personal bests of what stands, of no job. Locks the athlete."""
    _recalculate(connection, None, _locked(connection, [athlete_id]))


def _locked(connection: Connection, athlete_ids: Sequence[int]) -> dict[int, _Bests]:
    """Lock athletes; returns the current bests of each."""
    for athlete_id in athlete_ids:
        connection.execute(athletes.lock(), {"athlete": athlete_id})
    return _current_bests(connection, athlete_ids)


def _recalculate(
    connection: Connection, job_id: int | None, before: dict[int, _Bests]
) -> tuple[dict[int, _Bests], int]:
    """Recalculate and note what changed of the athletes in `before`, which has their bests.

    Returns the current bests, and how many distances have another one.
    """
    regrouped = {each: _update_duplicates(connection, each) for each in before}
    recalculate_bests(connection, list(before))
    after, count = _current_bests(connection, list(before)), 0
    for athlete_id, old in before.items():
        new = after[athlete_id]
        distances = old.keys() | new.keys()
        told = [each for each in distances if old.get(each) != new.get(each)]
        activities = regrouped[athlete_id]
        note_changes(connection, athlete_id, job_id, activities=activities, distances=told)
        count += sum(_is_another(old.get(each), new.get(each)) for each in told)
    return after, count


def _is_another(before: list[float | None] | None, after: list[float | None] | None) -> bool:
    """Whether a distance has another best, not only another age grade of it."""
    return (before or [])[:2] != (after or [])[:2]


def withdraw_hidden(
    connection: Connection, athlete_id: int, job_id: int | None, activity_ids: list[int]
) -> None:
    """Hide activities now that are recordings of a hidden run; update the bests if one is private.

    Others must not see them until the end of the job, which may be hours away. Lock the athlete
    before.
    """
    values = {"athlete": athlete_id, "activity_ids": activity_ids}
    if connection.execute(activity_edit.near_hidden(), values).scalar_one():
        regrouped = _update_duplicates(connection, athlete_id)
        note_changes(connection, athlete_id, job_id, activities=regrouped)
    if connection.execute(best_effort.hidden_now(), values).scalar_one():
        recalculate_bests(connection, [athlete_id])


def write_efforts(
    connection: Connection, activity_ids: Sequence[int], rows: Iterable[dict[str, Any]]
) -> None:
    """Make `rows` the efforts of activities; exclusions stay."""
    values = {
        "activity_ids": activity_ids,
        "rows": values_of([{**row, "counts": False} for row in rows]),
    }
    connection.execute(best_effort.write_efforts(), values)


def recalculate_bests(connection: Connection, athlete_ids: list[int]) -> None:
    """Update which efforts of locked athletes count, then their bests."""
    values = {"athlete_ids": athlete_ids}
    connection.execute(best_effort.update_counts(), values)
    found = connection.execute(personal_best.take_back(), values)
    if rows := personal_best.rows_to_write(found.mappings()):
        connection.execute(personal_best.write(), rows)


def _update_duplicates(connection: Connection, athlete_id: int) -> list[int]:
    """Find duplicates; returns the activities that are so no longer, or newly.

    Those of a hidden run are hidden with it, and returned too.
    """
    recordings = connection.execute(recording.recordings(), {"athlete": athlete_id})
    if changes := changed_groups(recordings):
        connection.execute(recording.set_duplicate_of(), changes)
    hiding = connection.execute(activity_edit.hide_with_run(), {"athlete": athlete_id})
    return [*changes.get("activity_ids", ()), *hiding.scalars()]


def _current_bests(connection: Connection, athlete_ids: Sequence[int]) -> dict[int, _Bests]:
    found: dict[int, _Bests] = {each: {} for each in athlete_ids}
    values = {"athlete_ids": list(athlete_ids)}
    for row in connection.execute(personal_best.current_bests(), values):
        found[row.athlete_id][row.distance] = [row.id, row.elapsed_s, row.age_grade_percent]
    return found
