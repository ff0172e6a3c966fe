"""What becomes of a job when its attempt ends: a table by the error's class, the first row that fits.

A failure that may pass is tried again, later each time, until `job_max_attempts` in a row.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Executable

from db.errors import DatabaseError
from db.models import JobErrorCode
from db.statements import job
from jobs.lease import JobCancelled, LeaseLost, WorkerStopping
from jobs.strava_tokens import StravaNotConnected
from jobs.sync_switch import SYNC_PAUSE_S, SyncSwitchedOff
from strava.errors import (
    StravaAppInactive,
    StravaAthleteLimit,
    StravaBadData,
    StravaError,
    StravaNotFound,
    StravaRateLimited,
    StravaScopeMissing,
    StravaUnauthorized,
    StravaUnavailable,
)

__all__ = ["Outcome", "ended_well", "outcome_of"]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GROWTH, _JITTER = 2, 600, 4, 0.25


@dataclass(frozen=True, slots=True)
class Outcome:
    """The statement that writes it and its values; None: nothing is written. `event` is the log's word for it."""

    event: str
    statement: Executable | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    unexpected: bool = False


def ended_well() -> Outcome:
    return Outcome("succeeded", job.succeed())


def outcome_of(error: Exception, failures: int, max_failures: int) -> Outcome:
    """What `error` does to a job that failed `failures` times in a row before."""
    for kind, rule in _RULES:
        if isinstance(error, kind):
            return rule(error, failures, max_failures)
    return _broken(error, failures, max_failures)


def _wait_for_quota(error: StravaRateLimited, _failures: int, _max: int) -> Outcome:
    text = f"Strava's quota is used up; goes on at {error.retry_at:%H:%M} UTC"
    return Outcome("waiting for quota", job.wait(), {"until": error.retry_at, "text": text, "failed": 0})


def _wait_for_switch(_error: SyncSwitchedOff, _failures: int, _max: int) -> Outcome:
    until = datetime.now(UTC) + timedelta(seconds=SYNC_PAUSE_S)
    text = "Background sync is switched off on this server; goes on when it is on again"
    return Outcome("switched off", job.wait(), {"until": until, "text": text, "failed": 0})


def _try_again(error: Exception, failures: int, max_failures: int) -> Outcome:
    code, text = _PASSING[StravaUnavailable if isinstance(error, StravaUnavailable) else DatabaseError]
    if failures + 1 >= max_failures:
        return Outcome("failed", job.fail(), {"code": code, "text": text, "retryable": True})
    until = datetime.now(UTC) + timedelta(seconds=_pause_s(failures))
    return Outcome("waiting to try again", job.wait(), {"until": until, "text": text, "failed": 1})


def _pause_s(failures: int) -> float:
    pause_s = float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * _GROWTH**failures))
    return pause_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - so that not all come back at once


def _refuse(error: StravaError, _failures: int, _max: int) -> Outcome:
    text, retryable = _REFUSALS[type(error)]
    return Outcome("failed", job.fail(), {"code": error.code, "text": text, "retryable": retryable})


def _broken(_error: Exception, _failures: int, _max: int) -> Outcome:
    values = {"code": JobErrorCode.INTERNAL.value, "text": "Something went wrong on this server.", "retryable": True}
    return Outcome("failed", job.fail(), values, unexpected=True)


# Code and words for the athlete.
_PASSING: Mapping[type[Exception], tuple[str, str]] = {
    StravaUnavailable: ("STRAVA_UNAVAILABLE", "Strava does not answer."),
    DatabaseError: ("INTERNAL", "The database does not answer."),
}
# Words for the athlete, and whether the same job may succeed once somebody has acted.
_REFUSALS: Mapping[type[StravaError], tuple[str, bool]] = {
    StravaUnauthorized: ("Strava no longer accepts the connection: connect Strava again.", True),
    StravaNotConnected: ("Strava is not connected: connect it first.", True),
    StravaScopeMissing: ("Strava was not allowed to share activities: connect it again and tick them.", True),
    StravaAppInactive: ("Strava switched this server's application off; its operator has to reactivate it.", True),
    StravaAthleteLimit: ("Strava lets this server serve no more athletes.", False),
    StravaNotFound: ("Strava has nothing there.", False),
    StravaBadData: ("Strava sent data that cannot be read.", True),
}
_RULES: tuple[tuple[type[Exception], Callable[[Any, int, int], Outcome]], ...] = (
    (LeaseLost, lambda *_: Outcome("lease lost")),
    (JobCancelled, lambda *_: Outcome("cancelled", job.stop_cancelled())),
    (WorkerStopping, lambda *_: Outcome("given back", job.give_back())),
    (SyncSwitchedOff, _wait_for_switch),
    (StravaRateLimited, _wait_for_quota),
    (StravaUnavailable, _try_again),
    (DatabaseError, _try_again),
    *((kind, _refuse) for kind in _REFUSALS),
)
