"""STRAVA_SYNC: updates an athlete's activities, efforts and personal bests from Strava.

Arguments: see `SyncScope.from_arguments`. The steps are Strava's list, then streams and efforts of
new and changed activities, then details and zones, then duplicates and personal bests. Each
continues from the checkpoint of an earlier attempt. An activity that fails is left out
(`jobs/sync/problems.py`); if Strava did not answer for it, the job is retried as after any such
failure. With `problems` in the arguments, it only tries again what earlier syncs could not read.
"""

from db.statements.strava import strava_connection
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt
from jobs.lease import AttemptStopped
from jobs.sync.activity_walk import ActivityWalk
from jobs.sync.connection_lock import keep_connected
from jobs.sync.details_reading import DetailsReading
from jobs.sync.effort_derivation import EffortDerivation
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.sync.problem_retry import ProblemRetry
from jobs.sync.problems import count_problems
from jobs.sync.scope import SyncScope
from jobs.sync.walk_position import WALKED
from jobs.sync.zones_reading import ZonesReading
from jobs.task_services import TaskServices
from strava.errors import StravaTurnOver


def run(attempt: Attempt, services: TaskServices) -> None:
    """Sync. Raises strava.errors.StravaError, db.errors.DatabaseError and what ends the attempt."""
    assert attempt.athlete_id is not None
    scope = SyncScope.from_arguments(attempt.arguments)
    first = _requests_before_backfills(attempt, attempt.athlete_id, scope, services)
    strava = AthleteStrava(attempt, services, attempt.athlete_id, first=first)
    with attempt.step() as step:
        remember_bests(step, attempt.athlete_id)
    if scope.problems:
        ProblemRetry(attempt, services, strava).run()
        _finish(attempt, attempt.athlete_id, scope)
        return
    charged = not scope.nightly  # to the athlete's budget (`jobs/sync_budget.py`)
    walk = ActivityWalk(attempt, services, strava, scope, is_charged=charged)
    derivation = EffortDerivation(attempt, services, strava, scope, is_charged=charged)
    details = DetailsReading(attempt, services, strava)
    try:
        walk.run()
        derivation.run()
        if scope.activity_id is None:  # the walk has read those of a single one
            details.run()
        if scope.is_everything:
            ZonesReading(attempt, services, strava).run()
    except (AttemptStopped, StravaTurnOver):
        raise
    except Exception:
        # Show what is there so far: the next attempt may be hours away.
        _update_bests_if_possible(attempt, services, attempt.athlete_id)
        raise
    unavailable = walk.unavailable or derivation.unavailable
    if unavailable and attempt.failures + 1 < services.settings.job_max_attempts:
        _update_bests_if_possible(attempt, services, attempt.athlete_id)
        raise unavailable
    _finish(attempt, attempt.athlete_id, scope)


def _requests_before_backfills(
    attempt: Attempt, athlete_id: int, scope: SyncScope, services: TaskServices
) -> int:
    """Get how many requests go before backfills: a turn's worth, or none.

    A sync of one activity has them, and one of what is new.
    """
    if scope.activity_id is not None:
        return services.settings.strava_quota_turn
    with attempt.read() as connection:
        known = connection.execute(
            strava_connection.of_athlete(), {"athlete": athlete_id}
        ).one_or_none()
    has_history = known is not None and known.history_complete_at is not None
    is_new = has_history and scope.is_everything and not scope.full
    return services.settings.strava_quota_turn if is_new else 0


def _update_bests_if_possible(attempt: Attempt, services: TaskServices, athlete_id: int) -> None:
    try:
        with attempt.step() as step:
            update_bests(step, athlete_id)
    except Exception as error:  # noqa: BLE001 - what is raised already says more
        services.log.warning("personal bests could not be updated", extra={"error": str(error)})


def _finish(attempt: Attempt, athlete_id: int, scope: SyncScope) -> None:
    with attempt.step() as step:
        keep_connected(step.connection, athlete_id)
        update_bests(step, athlete_id)
        left_out = count_problems(step, attempt)
        activities = "1 activity" if left_out == 1 else f"{left_out} activities"
        step.message = f"{activities} could not be read" if left_out else None
        if scope.is_everything:
            # As of the start: what came later may have been missed.
            values = {
                "athlete": athlete_id,
                "synced_at": attempt.started_at,
                "walked": bool(step.checkpoint.get(WALKED)),
            }
            step.connection.execute(strava_connection.mark_synced(), values)
