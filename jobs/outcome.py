"""What happens to a job when its attempt ends: a table by class of error; the first match applies.

A transient failure is retried with growing pauses (`jobs/retry_pauses.py`), until
`job_max_attempts` consecutive failures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable

from db.encryption import UndecipherableSecret
from db.errors import DatabaseError
from db.models import JobErrorCode, JobKind
from db.original_files import OriginalUnreachable
from db.statements.jobs import job_attempt
from jobs import retry_pauses
from jobs.exports.errors import ExportsFull
from jobs.lease import AttemptTimedOut, JobCancelled, LeaseLost, WorkerStopping
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.feature_flag import SYNC_PAUSE_S, SyncSwitchedOff
from jobs.sync_budget import SyncBudgetSpent
from runtime.clock import utc_now
from runtime.errors import PacegraphError
from strava.errors import (
    StravaAppInactive,
    StravaAthleteLimit,
    StravaBadData,
    StravaError,
    StravaNotFound,
    StravaRateLimited,
    StravaScopeMissing,
    StravaTurnOver,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)


class TaskMissing(PacegraphError):
    """This version has no task for jobs of the kind `kind`."""

    def __init__(self, kind: JobKind) -> None:
        super().__init__(f"there is no task for jobs of the kind {kind.value}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Outcome:
    """The statement that writes the outcome, with its values; None if nothing is to be written.

    `event` names the outcome in the log. `is_final`: the job has ended. `is_success`: its task has.
    """

    event: str
    statement: Executable | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    unexpected: bool = False
    is_final: bool = False
    is_success: bool = False


def ended_well() -> Outcome:
    return Outcome("succeeded", job_attempt.succeed(), is_final=True, is_success=True)


def outcome_of(error: Exception, failures: int, max_failures: int) -> Outcome:
    """Find what `error` does to a job that has failed `failures` times in a row before."""
    for kind, rule in _RULES:
        if isinstance(error, kind):
            return rule(error, failures, max_failures)
    return _broken(error, failures, max_failures)


def _wait(outcome: str, wait_s: float, text: str, *, failed: int = 0) -> Outcome:
    """The job goes on after `wait_s` seconds; `failed` is 1 if the attempt counts as a failure.

    No time of this machine's clock: PostgreSQL's says when they are over.
    """
    return Outcome(outcome, job_attempt.wait(), {"wait_s": wait_s, "text": text, "failed": failed})


def _wait_for_strava(outcome: str, error: StravaRateLimited, text: str) -> Outcome:
    """The job goes on when Strava's clock says so, not PostgreSQL's."""
    wait = error.wait or max(timedelta(), error.retry_at - utc_now())
    values = {"wait_s": wait.total_seconds(), "text": text}
    return Outcome(outcome, job_attempt.wait_for_quota(), values)


def _fail(code: str, text: str, *, retryable: bool, unexpected: bool = False) -> Outcome:
    values = {"code": code, "text": text, "retryable": retryable}
    return Outcome("failed", job_attempt.fail(), values, unexpected=unexpected, is_final=True)


def _wait_for_quota(error: StravaRateLimited, _failures: int, _max: int) -> Outcome:
    text = f"Strava's quota is used up; continues at {error.retry_at:%H:%M} UTC"
    return _wait_for_strava("waiting for quota", error, text)


def _wait_for_turn(error: StravaTurnOver, _failures: int, _max: int) -> Outcome:
    text = "Other athletes' syncs take their turn with Strava's quota"
    return _wait_for_strava("waiting for its turn", error, text)


def _wait_for_budget(error: SyncBudgetSpent, _failures: int, _max: int) -> Outcome:
    text = f"{error.what}; continues at {error.retry_at:%H:%M} UTC"
    values = {"until": error.retry_at, "text": text}
    return Outcome("waiting for the budget", job_attempt.wait_until(), values)


def _wait_for_room(_error: ExportsFull, _failures: int, _max: int) -> Outcome:
    text = "The archives of this server take as much room as they may; tries again in a while"
    return _wait("waiting for room", retry_pauses.ROOM_S, text)


def _wait_for_switch(_error: SyncSwitchedOff, _failures: int, _max: int) -> Outcome:
    text = "Background sync is switched off on this server; continues when it is on again"
    return _wait("switched off", SYNC_PAUSE_S, text)


def _try_again(error: Exception, failures: int, max_failures: int) -> Outcome:
    code, text = next(_PASSING[kind] for kind in _PASSING if isinstance(error, kind))
    if failures + 1 >= max_failures:
        return _fail(code, text, retryable=True)
    return _wait("waiting to try again", retry_pauses.after_failure(failures), text, failed=1)


def _refuse(error: StravaError, _failures: int, _max: int) -> Outcome:
    text, retryable = next(_REFUSALS[kind] for kind in _REFUSALS if isinstance(error, kind))
    return _fail(error.code, text, retryable=retryable)


def _fail_without_task(error: TaskMissing, _failures: int, _max: int) -> Outcome:
    text = f"This server cannot run jobs of the kind {error.kind.value}."
    return _fail(JobErrorCode.INTERNAL.value, text, retryable=False)


def _fail_without_key(_error: UndecipherableSecret, _failures: int, _max: int) -> Outcome:
    """The athlete can end it by connecting again, the operator by putting the key back."""
    text = "This server can no longer read the connection to Strava. Connect again."
    code = JobErrorCode.STRAVA_UNAUTHORIZED.value
    return _fail(code, text, retryable=True, unexpected=True)


def _broken(_error: Exception, _failures: int, _max: int) -> Outcome:
    text = "Something went wrong on this server."
    return _fail(JobErrorCode.INTERNAL.value, text, retryable=True, unexpected=True)


_UNREADABLE = "Strava sent data that cannot be read."
_LIMIT_REACHED = (
    "This server has reached its limit of athletes on Strava. Its operator has to ask Strava for a "
    "higher one."
)
# Code and message for the athlete.
_PASSING: Mapping[type[Exception], tuple[str, str]] = {
    AttemptTimedOut: ("TIMED_OUT", "The job took too long."),
    StravaUnavailable: ("STRAVA_UNAVAILABLE", "Strava does not respond."),
    StravaUnreadable: ("STRAVA_BAD_DATA", _UNREADABLE),
    DatabaseError: ("INTERNAL", "The database does not respond."),
    OriginalUnreachable: ("INTERNAL", "The place of originals does not respond."),
}
# Message for the athlete, and whether a retry may succeed after someone has acted.
_REFUSALS: Mapping[type[StravaError], tuple[str, bool]] = {
    StravaUnauthorized: ("Strava no longer accepts the connection. Connect again.", True),
    StravaNotConnected: ("Strava is not connected. Connect it first.", True),
    StravaScopeMissing: (
        "The athlete did not grant a required permission. Connect again and tick all boxes.",
        True,
    ),
    StravaAppInactive: (
        "Strava deactivated this server's application. The operator must reactivate it.",
        True,
    ),
    StravaAthleteLimit: (_LIMIT_REACHED, False),
    StravaNotFound: ("Strava does not have the requested data.", False),
    StravaBadData: (_UNREADABLE, True),
}
_RULES: tuple[tuple[type[Exception], Callable[[Any, int, int], Outcome]], ...] = (
    (LeaseLost, lambda *_: Outcome("lease lost")),
    (JobCancelled, lambda *_: Outcome("cancelled", job_attempt.stop_cancelled(), is_final=True)),
    (AttemptTimedOut, _try_again),
    (WorkerStopping, lambda *_: Outcome("given back", job_attempt.give_back())),
    (SyncSwitchedOff, _wait_for_switch),
    (StravaTurnOver, _wait_for_turn),
    (StravaRateLimited, _wait_for_quota),
    (SyncBudgetSpent, _wait_for_budget),
    (ExportsFull, _wait_for_room),
    (StravaUnavailable, _try_again),
    (StravaUnreadable, _try_again),
    (DatabaseError, _try_again),
    (OriginalUnreachable, _try_again),
    (TaskMissing, _fail_without_task),
    (UndecipherableSecret, _fail_without_key),
    *((kind, _refuse) for kind in _REFUSALS),
)
