"""STRAVA_DISCONNECT ends an athlete's connection to Strava; ERASE_ATHLETE also deletes all that came from there."""

from db.encryption import UndecipherableSecret
from db.models import JobKind
from db.statements import job, strava_connection, sync
from jobs.attempt import Attempt
from jobs.services import Services
from jobs.settle import remember_bests, settle
from jobs.strava_tokens import AthleteStrava, StravaNotConnected
from strava.errors import StravaUnauthorized

__all__ = ["run"]

_NEEDS_CONNECTION = [JobKind.STRAVA_SYNC.value, JobKind.STRAVA_WEBHOOK.value]


def run(attempt: Attempt, services: Services) -> None:
    """Disconnect. Raises strava.errors.StravaError where Strava cannot be told, and what ends the attempt."""
    assert attempt.athlete_id is not None
    _revoke(attempt, services, attempt.athlete_id)
    values = {"athlete": attempt.athlete_id}
    # In a transaction of its own: a sync holds its job and waits for the connection, so the other way is a deadlock.
    with attempt.step() as step:
        cancelled = step.connection.execute(job.cancel_of_athlete(), {**values, "job_kinds": _NEEDS_CONNECTION}).all()
    attempt.tell_of(cancelled)
    with attempt.step() as step:
        step.connection.execute(sync.lock_athlete(), values)  # first, as everybody who writes an athlete's data
        # Who writes Strava's data holds the connection, so nothing is written after the deletion.
        step.connection.execute(strava_connection.disconnect(), values)
        if attempt.kind is JobKind.ERASE_ATHLETE:
            remember_bests(step, attempt.athlete_id)
            step.deleted += len(step.connection.execute(sync.delete_strava_data(), values).all())
            settle(step, attempt.athlete_id)


def _revoke(attempt: Attempt, services: Services, athlete_id: int) -> None:
    """Withdraw the grant at Strava; one that is withdrawn already, or cannot be used any more, is fine."""
    try:
        services.strava.revoke(AthleteStrava(attempt, services, athlete_id).token())
    except (StravaUnauthorized, StravaNotConnected, UndecipherableSecret) as error:
        services.log.info("nothing to revoke at Strava", extra={"reason": str(error)})
