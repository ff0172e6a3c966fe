"""STRAVA_DISCONNECT ends an athlete's connection to Strava; ERASE_ATHLETE also deletes its data.

Arguments: `{"cause"}`, a value of ErasureCause, by default ASKED. What is to go is gone within a
minute of a free worker: if Strava cannot be told by then, it is not told. A receipt stays.
"""

from db.encryption import UndecipherableSecret
from db.models import NEED_CONNECTION, ErasureCause, JobKind
from db.statements import activity as activities
from db.statements import athlete as athletes
from db.statements import erasure, gear, job, strava_connection
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.personal_bests import forget_bests, remember_bests, update_bests
from jobs.task_services import TaskServices
from runtime.clock import utc_now
from strava.bounded_exchange import interrupted_by
from strava.errors import (
    StravaError,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)

_TELL_FOR_S = 30.0
"""Seconds from the job's start for which Strava is tried to be told."""
_NOT_TOLD = (
    "Strava did not answer and was not told. Remove this server's application in the settings of "
    "your Strava account, under My Apps."
)


def run(attempt: Attempt, services: TaskServices) -> None:
    """Disconnect. Raises StravaError if Strava cannot be told, and what ends the attempt."""
    assert attempt.athlete_id is not None
    is_revoked = _revoke(attempt, services, attempt.athlete_id)
    is_erased = attempt.kind is JobKind.ERASE_ATHLETE
    values = {"athlete": attempt.athlete_id, "job_id": attempt.job_id}
    receipt = {
        "receipt_cause": attempt.arguments.get("cause", ErasureCause.ASKED.value),
        "kept": not is_erased,
        "revoked": is_revoked,
    }
    # In its own transaction: a sync holds its job and waits for the connection, so one transaction
    # could deadlock.
    with attempt.step() as step:
        cancelled = step.connection.execute(
            job.cancel_of_athlete(), {**values, "job_kinds": list(NEED_CONNECTION)}
        ).all()
    attempt.publish_changes(cancelled)
    with attempt.step() as step:
        # first, like everything that writes an athlete's data
        step.connection.execute(athletes.lock(), values)
        # Writers of Strava's data lock the connection, so nothing is written after the deletion.
        ended = step.connection.execute(strava_connection.disconnect(), values).first()
        if ended or is_erased:
            step.connection.execute(erasure.write_receipt(), values | receipt)
        if not is_revoked:
            step.message = _NOT_TOLD
        if is_erased:
            remember_bests(step, attempt.athlete_id)
            step.deleted += len(
                step.connection.execute(activities.delete_strava_data(), values).all()
            )
            step.connection.execute(gear.delete_strava_gear(), values)
            update_bests(step, attempt.athlete_id)
            forget_bests(step)
            for statement in erasure.forget_in_jobs():
                step.connection.execute(statement, values)
    services.log.info("a connection to Strava was ended", extra=receipt)


def _revoke(attempt: Attempt, services: TaskServices, athlete_id: int) -> bool:
    """Withdraw the grant at Strava; returns False if Strava could not be told in time.

    It is no error if the grant was withdrawn before or its tokens cannot be used.
    """
    passed_s = (utc_now() - attempt.started_at).total_seconds()
    if passed_s > _TELL_FOR_S or attempt.failures + 1 >= services.settings.job_max_attempts:
        services.log.warning("Strava could not be told that the access ended")
        return False
    try:
        token = AthleteStrava(attempt, services, athlete_id).token()
        with interrupted_by(attempt.check):
            services.strava.revoke(token)
    except (StravaUnauthorized, StravaNotConnected, UndecipherableSecret) as error:
        services.log.info("nothing to revoke at Strava", extra={"reason": str(error)})
    except (StravaUnavailable, StravaUnreadable):
        raise
    except StravaError as error:  # waiting would not help, or take too long
        services.log.warning(
            "Strava is not told that the access ended", extra={"error": str(error)}
        )
        return False
    return True
