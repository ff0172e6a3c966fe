"""AGE_GRADES: grades all efforts of an athlete, or of all athletes, and writes the changes."""

from collections.abc import Sequence
from typing import Any

from db.statements.athletes import athlete as athletes
from db.statements.performance import best_effort
from jobs.attempt import Attempt, Step
from jobs.runner_changes import lock_runner, note_runner
from jobs.sync.changes import note_changes
from jobs.sync.derived_rows import Runner, grade_columns
from jobs.task_services import TaskServices

ATHLETES_AT_ONCE = 20


def run(attempt: Attempt, _services: TaskServices) -> None:
    """Regrade. Raises db.errors.DatabaseError and what ends the attempt."""
    if attempt.athlete_id is None:
        while _regrade_some(attempt):
            pass
        return
    with attempt.step() as step:
        runner = lock_runner(step.connection, attempt.athlete_id)
        note_runner(step, runner)
        # An attempt that was killed after this step has counted them already.
        step.done = step.total = _regrade(step, attempt.athlete_id, runner)


def _regrade_some(attempt: Attempt) -> bool:
    with attempt.step() as step:
        athlete_ids = _next_athletes(step)
        for athlete_id in athlete_ids:
            runner = lock_runner(step.connection, athlete_id)
            step.done += _regrade(step, athlete_id, runner)
    return bool(athlete_ids)


def _next_athletes(step: Step) -> Sequence[int]:
    values = {"after_id": step.checkpoint.get("after_id", 0), "row_limit": ATHLETES_AT_ONCE}
    athlete_ids: Sequence[int] = (
        step.connection.execute(athletes.ids_after(), values).scalars().all()
    )
    if athlete_ids:
        step.checkpoint["after_id"] = athlete_ids[-1]
    return athlete_ids


def _regrade(step: Step, athlete_id: int, runner: Runner) -> int:
    """Grade the efforts of one locked athlete; returns their number."""
    connection = step.connection
    efforts = connection.execute(best_effort.to_grade(), {"athlete_id": athlete_id}).all()
    changes = [(effort, change) for effort in efforts if (change := _change(runner, effort))]
    if changes:
        connection.execute(best_effort.set_grade(), [change for _, change in changes])
        note_changes(
            connection,
            athlete_id,
            step.job_id,
            activities=[effort.activity_id for effort, _ in changes],
            distances=[effort.distance for effort, _ in changes if effort.is_best],
        )
    return len(efforts)


def _change(runner: Runner, effort: Any) -> dict[str, Any] | None:
    grade = grade_columns(
        runner, effort.distance_m, effort.elapsed_s, effort.started_at_local.date()
    )
    if all(getattr(effort, name) == value for name, value in grade.items()):
        return None
    return {"effort_id": effort.id, **{f"new_{name}": value for name, value in grade.items()}}
