"""Applies single activities, one after the other: each as a sync of that activity alone."""

from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.sync.activity_walk import READ, ActivityWalk
from jobs.sync.effort_derivation import EffortDerivation
from jobs.sync.problems import OF_THE_JOB, Unanswered, check_strava
from jobs.sync.scope import SyncScope
from jobs.task_services import TaskServices

_PROBED_AFTER = 3
"""Activities in a row that Strava gave no answer for; then it is asked for the athlete."""


class SingleActivities:
    """Applies activities of one athlete. What fails is left out, and its problem recorded."""

    def __init__(self, attempt: Attempt, services: TaskServices, strava: AthleteStrava) -> None:
        self._attempt = attempt
        self._services = services
        self._strava = strava
        self._is_doubtful = False
        self.has_changed = False
        """Whether anything was written of the last activity's summary."""
        self.has_problem = False
        """Whether a problem of the last activity was recorded."""
        self._silent = 0
        """Activities in a row for whose summaries Strava did not answer."""
        self.is_unanswered = False
        """Whether it did not for the last one's, and is not known to answer for others."""
        self.may_come_later = False
        """Whether Strava lacks the last activity or its streams, and may have them in a moment."""

    def apply(self, strava_id: int) -> bool:
        """Do what a sync of the activity does, uncharged; False if it has to be tried again soon.

        A killed attempt does not read the summary again. Call `forget` in the step that notes the
        end of it. Raises StravaUnavailable, too, once Strava answers no one.
        """
        self.has_problem, self.may_come_later, self.is_unanswered = True, False, False
        arguments = (self._attempt, self._services, self._strava, SyncScope(activity_id=strava_id))
        walk = ActivityWalk(*arguments, is_charged=False)
        derivation = EffortDerivation(*arguments, is_charged=False)
        try:
            if self._attempt.checkpoint.get(READ) != strava_id:
                walk.run()
            derivation.run()
        except OF_THE_JOB:
            raise
        except Exception as error:  # noqa: BLE001 - of this activity only
            extra = {"strava_id": strava_id, "error": str(error)}
            self._services.log.warning("an activity cannot be read", extra=extra)
            is_read = self._attempt.checkpoint.get(READ) == strava_id
            is_silent = isinstance(error, Unanswered) and not is_read
            self._silent = self._silent + 1 if is_silent else 0
            self.is_unanswered = 0 < self._silent <= _PROBED_AFTER
            walk.leave_out(strava_id, error)
            self._is_doubtful |= walk.unavailable is not None
            if self._silent == _PROBED_AFTER:
                self.check()
            return False
        finally:
            self.has_changed = walk.has_changed
        self._silent = 0
        self._is_doubtful |= derivation.unavailable is not None
        self.has_problem = derivation.has_left_out
        self.may_come_later = walk.may_come_later or derivation.may_come_later
        return derivation.unavailable is None

    @staticmethod
    def forget(step: Step) -> None:
        """Let the activity's summary be read again the next time."""
        step.checkpoint.pop(READ, None)

    def check(self) -> None:
        """Raise if Strava answers no one, where it did not answer for one of the activities."""
        if self._is_doubtful:
            check_strava(self._strava)
