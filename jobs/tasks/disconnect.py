"""STRAVA_DISCONNECT ends an athlete's connection to Strava; ERASE_ATHLETE also deletes its data."""

from db.encryption import UndecipherableSecret
from db.models import JobKind
from db.statements import activity as activities
from db.statements import athlete as athletes
from db.statements import gear, job, strava_connection
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.task_services import TaskServices
from strava.bounded_exchange import interrupted_by
from strava.errors import StravaUnauthorized

_NEEDS_CONNECTION = [JobKind.STRAVA_SYNC.value, JobKind.STRAVA_WEBHOOK.value]


def run(attempt: Attempt, services: TaskServices) -> None:
    """Disconnect. Raises StravaError if Strava cannot be told, and what ends the attempt."""
    assert attempt.athlete_id is not None
    _revoke(attempt, services, attempt.athlete_id)
    values = {"athlete": attempt.athlete_id}
    # In its own transaction: a sync holds its job and waits for the connection, so one transaction
    # could deadlock.
    with attempt.step() as step:
        cancelled = step.connection.execute(
            job.cancel_of_athlete(), {**values, "job_kinds": _NEEDS_CONNECTION}
        ).all()
    attempt.publish_changes(cancelled)
    with attempt.step() as step:
        # first, like everything that writes an athlete's data
        step.connection.execute(athletes.lock(), values)
        # Writers of Strava's data lock the connection, so nothing is written after the deletion.
        step.connection.execute(strava_connection.disconnect(), values)
        if attempt.kind is JobKind.ERASE_ATHLETE:
            remember_bests(step, attempt.athlete_id)
            step.deleted += len(
                step.connection.execute(activities.delete_strava_data(), values).all()
            )
            step.connection.execute(gear.delete_strava_gear(), values)
            update_bests(step, attempt.athlete_id)


def _revoke(attempt: Attempt, services: TaskServices, athlete_id: int) -> None:
    """Withdraw the grant at Strava.

    It is no error if the grant was withdrawn before or its tokens cannot be used.
    """
    try:
        token = AthleteStrava(attempt, services, athlete_id).token()
        with interrupted_by(attempt.check):
            services.strava.revoke(token)
    except (StravaUnauthorized, StravaNotConnected, UndecipherableSecret) as error:
        services.log.info("nothing to revoke at Strava", extra={"reason": str(error)})
