"""A recalculation goes by the athlete's sex and birth date; if these change, it begins again.

`updateAthlete` finds the recalculation that is under way and starts no other. So a job notes in its
checkpoint what it went by, and ends only while the athlete, locked, is still as it was.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from db.statements.athletes import athlete as athletes
from jobs.attempt import Step
from jobs.sync.derived_rows import Runner

_RUNNER = "runner"  # key of the checkpoint


def lock_runner(connection: Connection, athlete_id: int) -> Runner:
    """Lock the athlete; returns what efforts and grades depend on, as it is now."""
    return Runner.from_row(connection.execute(athletes.lock(), {"athlete": athlete_id}).one())


def note_runner(step: Step, runner: Runner) -> None:
    """Note what the job goes by, at its beginning. Lock the athlete before."""
    step.checkpoint[_RUNNER] = _as_json(runner)


def has_changed(connection: Connection, athlete_id: int, checkpoint: Mapping[str, Any]) -> bool:
    """Whether a job with this checkpoint went by another sex or birth date. Locks the athlete."""
    if _RUNNER not in checkpoint:
        return False
    row = connection.execute(athletes.lock(), {"athlete": athlete_id}).one_or_none()
    return row is not None and _as_json(Runner.from_row(row)) != checkpoint[_RUNNER]


def _as_json(runner: Runner) -> list[str | None]:
    born = runner.birth_date
    return [runner.sex and runner.sex.value, born.isoformat() if born else None]
