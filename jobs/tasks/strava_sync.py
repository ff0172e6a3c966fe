"""STRAVA_SYNC: brings an athlete's activities, efforts and personal bests in step with Strava.

Arguments: see `SyncScope.of`. First Strava's list, then streams and efforts of what is new or changed, then what
follows for the athlete as a whole. Each part goes on from the checkpoint of an earlier attempt.
"""

from db.statements import strava_connection
from jobs.attempt import Attempt
from jobs.deriving import Deriving
from jobs.listing import Listing, keep_connected
from jobs.services import Services
from jobs.settle import remember_bests, settle
from jobs.strava_tokens import AthleteStrava
from jobs.sync_scope import SyncScope
from strava.errors import StravaRateLimited

__all__ = ["run"]


def run(attempt: Attempt, services: Services) -> None:
    """Sync. Raises strava.errors.StravaError, db.errors.DatabaseError and what ends the attempt."""
    assert attempt.athlete_id is not None
    scope = SyncScope.of(attempt.arguments)
    strava = AthleteStrava(attempt, services, attempt.athlete_id)
    with attempt.step() as step:
        remember_bests(step, attempt.athlete_id)
    try:
        Listing(attempt, services, strava, scope).run()
        Deriving(attempt, services, strava, scope).run()
    except StravaRateLimited:
        _settle(attempt, attempt.athlete_id)  # what is there so far is shown while a long backfill waits
        raise
    _finish(attempt, attempt.athlete_id, scope)


def _settle(attempt: Attempt, athlete_id: int) -> None:
    with attempt.step() as step:
        settle(step, athlete_id)


def _finish(attempt: Attempt, athlete_id: int, scope: SyncScope) -> None:
    with attempt.step() as step:
        keep_connected(step.connection, athlete_id)
        settle(step, athlete_id)
        unreadable = len(step.checkpoint.get("unreadable", ()))
        step.message = f"{unreadable} activities could not be read" if unreadable else None
        if scope.is_everything:
            # As of the start: what came later may have been missed.
            values = {"athlete": athlete_id, "synced_at": attempt.started_at}
            step.connection.execute(strava_connection.mark_synced(), values)
