"""Problems of single activities in a sync: listed in its job, and tried again until they are solved.

An error of one activity never ends the job. Errors that affect all activities (`OF_THE_JOB`) do.
Whether an error in `DOUBTFUL` affects all is found out by another request, see `check_strava`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError

from db.encryption import UndecipherableSecret
from db.errors import DatabaseError
from db.models import JobErrorCode, SyncStage
from db.original_files import OriginalUnreachable
from db.statements.jobs import job_problem
from db.statements.strava import sync_problem
from jobs import retry_pauses
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.lease import AttemptStopped
from jobs.strava_tokens import StravaNotConnected
from jobs.sync_budget import SyncBudgetSpent
from strava.errors import (
    StravaAppInactive,
    StravaAthleteLimit,
    StravaBadData,
    StravaRateLimited,
    StravaScopeMissing,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)

OF_THE_JOB = (
    AttemptStopped,
    DatabaseError,
    OriginalUnreachable,
    StravaNotConnected,
    StravaRateLimited,
    SyncBudgetSpent,
    UndecipherableSecret,
)
Unanswered = StravaUnavailable | StravaUnreadable
"""Failures after which the same request may succeed, so that the job is tried again."""
REFUSED_DATA = (DataError, IntegrityError, OverflowError, TypeError, ValueError)
"""What the database or its driver raises for values that it does not take."""
DOUBTFUL = (StravaAppInactive, StravaAthleteLimit, StravaUnauthorized)
_LONGEST_REASON = 500


def check_strava(strava: AthleteStrava) -> None:
    """Ask Strava for the athlete. Raises the error that Strava gives to every request now."""
    strava.ask(lambda client, token: client.athlete(token))


def check_doubtful(strava: AthleteStrava, error: Exception) -> None:
    """Raise what Strava answers to every request now, if `error` may be of all."""
    if isinstance(error, DOUBTFUL):
        check_strava(strava)


def record_problem(
    step: Step,
    attempt: Attempt,
    strava_id: int | None,
    error: Exception,
    *,
    stage: SyncStage,
    athlete_id: int | None = None,
) -> None:
    """Record that the job left out an activity of its athlete, or of `athlete_id`, and why."""
    code, reason = _told(error)
    values: dict[str, Any] = {"reason_code": code, "reason": reason[:_LONGEST_REASON]}
    if athlete_id is not None:
        values |= {"athlete": athlete_id}
    values = _of(attempt, strava_id) | values
    step.connection.execute(job_problem.write(), values)
    # What is derived of an activity without a Strava id came from a file.
    if strava_id is not None or stage is SyncStage.READING:
        step.connection.execute(
            sync_problem.record(retry_pauses.PROBLEM_S), values | {"problem_stage": stage.value}
        )


def clear_problem(step: Step, attempt: Attempt, strava_id: int | None) -> None:
    """Delete the problem of an activity that succeeded now; None: of those without a readable id."""
    if strava_id is not None:
        clear_problems(step, attempt, [strava_id])
        return
    values = _of(attempt, None)
    step.connection.execute(sync_problem.solve_unnamed(), values)


def clear_problems(step: Step, attempt: Attempt, strava_ids: Sequence[int]) -> None:
    """Delete the problems of activities that succeeded now."""
    if strava_ids:
        values = {**_of(attempt, None), "strava_ids": strava_ids}
        for statement in (job_problem.clear(), sync_problem.solve()):
            step.connection.execute(statement, values)


def count_problems(step: Step, attempt: Attempt) -> int:
    """Count the activities that the job left out."""
    count: int = step.connection.execute(job_problem.count(), _of(attempt, None)).scalar_one()
    return count


def _of(attempt: Attempt, strava_id: int | None) -> dict[str, int | str | None]:
    return {"job_id": attempt.job_id, "athlete": attempt.athlete_id, "problem_of": strava_id}


def _told(error: Exception) -> tuple[str, str]:
    """Code and words for the athlete."""
    if isinstance(error, StravaBadData):
        return error.code, f"Strava sent data that cannot be read: {error.field} {error.problem}."
    if isinstance(error, StravaUnavailable):
        return error.code, "Strava does not answer when asked for this activity."
    if isinstance(error, (StravaScopeMissing, *DOUBTFUL)):
        return error.code, "Strava does not let this server read this activity."
    return (
        JobErrorCode.INTERNAL.value,
        "Something went wrong on this server with this activity; the log says more.",
    )
