"""Tries activities again that earlier syncs could not have (`Athlete.syncProblems`).

The job takes those that are due, and has them in its checkpoint until each was tried. The pauses
between tries are in `jobs/retry_pauses.py`. What somebody asked for goes before backfills, and the
athlete's budget pays.
"""

from typing import Any

from db.statements.activities import effort_derivation
from db.statements.strava import sync_problem
from jobs import retry_pauses
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt
from jobs.sync.connection_lock import keep_connected
from jobs.sync.personal_bests import update_bests
from jobs.sync.problems import clear_problem
from jobs.sync.single_activity import SingleActivities
from jobs.task_services import TaskServices

_AT_ONCE = 200
_LEFT = "left"  # key of the checkpoint: pairs of Strava id and whether somebody asked for it


class ProblemRetry:
    """One run over the activities of an athlete that are due."""

    def __init__(self, attempt: Attempt, services: TaskServices, strava: AthleteStrava) -> None:
        assert attempt.athlete_id is not None
        self._attempt = attempt
        self._strava = strava
        self._single = SingleActivities(attempt, services, strava)
        self._values: dict[str, Any] = {"athlete": attempt.athlete_id, "most": _AT_ONCE}

    def run(self) -> None:
        """Try each once. Raises as a sync does, StravaUnavailable if Strava answers no one."""
        if _LEFT not in self._attempt.checkpoint:
            self._take()
        while left := self._attempt.checkpoint[_LEFT]:
            strava_id, is_asked_for = left[0]
            if is_asked_for:
                self._strava.budget.spend()
            self._strava.go_first(None if is_asked_for else 0)
            self._derive_again(strava_id)
            self._single.apply(strava_id)
            self._tried(strava_id)
        self._single.check()

    def _take(self) -> None:
        with self._attempt.step() as step:
            keep_connected(step.connection, self._values["athlete"])
            taken = step.connection.execute(
                sync_problem.take(retry_pauses.PROBLEM_S), self._values
            ).all()
            step.checkpoint[_LEFT] = [[row.strava_id, row.is_asked_for] for row in taken]
            step.total = step.done + len(taken)

    def _derive_again(self, strava_id: int) -> None:
        """Have efforts derived again where that failed, also from stored streams."""
        with self._attempt.step() as step:
            keep_connected(step.connection, self._values["athlete"])
            values = {**self._values, "problem_of": strava_id}
            step.connection.execute(effort_derivation.derive_again(), values)

    def _tried(self, strava_id: int) -> None:
        with self._attempt.step() as step:
            keep_connected(step.connection, self._values["athlete"])
            step.checkpoint[_LEFT] = step.checkpoint[_LEFT][1:]
            self._single.forget(step)
            if not self._single.has_problem:
                clear_problem(step, self._attempt, strava_id)
                update_bests(step, self._values["athlete"])
