"""STRAVA_WEBHOOK: applies what Strava's webhook told of one athlete.

The job takes the athlete's stored events and looks each object up at Strava, because events are
unsigned, repeated and unordered. An activity is handled as by a sync of that activity alone. If
Strava refuses the athlete's tokens, the access was revoked: the data is deleted by a job of its
own. Events are deleted in the transaction that updates the personal bests with them. Events that
the job does not apply are due again after a pause; the reconciler then creates another job.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from db.models import JobKind, StravaObject
from db.statements import job, strava_event
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.lease import AttemptStopped
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.activity_walk import ActivityWalk, keep_connected
from jobs.sync.effort_derivation import EffortDerivation
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.sync.problems import OF_THE_JOB, check_strava
from jobs.sync.scope import SyncScope
from jobs.task_services import TaskServices
from strava.errors import StravaUnauthorized

_SHOWN_EVERY_S = 2.0
"""Seconds after which what was applied so far is shown."""
_OF_ATHLETE = {"access token", "refresh token"}


def run(attempt: Attempt, services: TaskServices) -> None:
    """Apply the events. Raises as a sync does."""
    assert attempt.athlete_id is not None
    _Events(attempt, services, attempt.athlete_id).apply_all()


class _Events:
    def __init__(self, attempt: Attempt, services: TaskServices, athlete_id: int) -> None:
        self._attempt = attempt
        self._services = services
        self._athlete_id = athlete_id
        self._strava = AthleteStrava(attempt, services, athlete_id)
        self._values: dict[str, Any] = {"athlete": athlete_id, "job_id": attempt.job_id}
        self._left_out: set[tuple[str, int]] = set()
        self._is_doubtful = False

    def apply_all(self) -> None:
        """Apply events until none is left, also those that come meanwhile."""
        while events := self._take():
            if any(event.object_type == StravaObject.ATHLETE for event in events):
                if self._is_revoked():
                    with suppress(StravaNotConnected):  # it has ended meanwhile
                        self._erase()
                    return
                self._finish(StravaObject.ATHLETE, [event.object_id for event in events])
                continue
            self._apply_some([event.object_id for event in events])
        if self._is_doubtful:
            # Raises if Strava answers nobody. One activity must not delay the athlete's others.
            check_strava(self._strava)

    def _take(self) -> Sequence[Any]:
        """Get the events to apply now: that of the athlete alone, else those of activities."""
        with self._attempt.step() as step:
            remember_bests(step, self._athlete_id)
            for event in step.connection.execute(strava_event.take(), self._values).all():
                self._left_out.discard((event.object_type, event.object_id))
            taken = step.connection.execute(strava_event.taken(), self._values).all()
        events = [
            event for event in taken if (event.object_type, event.object_id) not in self._left_out
        ]
        first = events[:1]
        return first if first and first[0].object_type == StravaObject.ATHLETE else events

    # --- activities

    def _apply_some(self, strava_ids: Sequence[int]) -> None:
        """Apply activities until what was done is to be shown."""
        applied: list[int] = []
        until = time.monotonic() + _SHOWN_EVERY_S
        try:
            for strava_id in strava_ids:
                if self._apply(strava_id):
                    applied.append(strava_id)
                else:
                    self._left_out.add((StravaObject.ACTIVITY, strava_id))
                if time.monotonic() > until:
                    break
        except AttemptStopped:
            raise
        except Exception:
            self._finish_if_possible(applied)
            raise
        self._finish(StravaObject.ACTIVITY, applied)

    def _apply(self, strava_id: int) -> bool:
        """Do what a sync of the activity does; False if it has to be tried again.

        The athlete's budget pays only for activities that nobody knows, which Strava would not tell
        of.
        """
        scope = SyncScope(activity_id=strava_id)
        arguments = (self._attempt, self._services, self._strava, scope)
        walk = ActivityWalk(*arguments, is_charged=False)
        derivation = EffortDerivation(*arguments)
        try:
            walk.run()
            if walk.found_nothing:
                self._strava.budget.spend()
            derivation.run()
        except OF_THE_JOB:
            raise
        except Exception as error:  # noqa: BLE001 - of this activity only
            extra = {"strava_id": strava_id, "error": str(error)}
            self._services.log.warning("an activity cannot be read", extra=extra)
            walk.leave_out(strava_id, error)
            self._is_doubtful |= walk.unavailable is not None
            return False
        self._is_doubtful |= derivation.unavailable is not None
        return derivation.unavailable is None

    def _finish_if_possible(self, applied: Sequence[int]) -> None:
        try:
            self._finish(StravaObject.ACTIVITY, applied)
        except Exception as error:  # noqa: BLE001 - what is raised already says more
            extra = {"error": str(error)}
            self._services.log.warning("personal bests could not be updated", extra=extra)

    def _finish(self, kind: StravaObject, applied: Sequence[int]) -> None:
        """Update the bests and delete the applied events, in one transaction."""
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            update_bests(step, self._athlete_id)
            self._delete(step, kind, applied)

    def _delete(self, step: Step, kind: StravaObject, applied: Sequence[int]) -> None:
        values = {**self._values, "applied_kind": kind.value, "applied_objects": list(applied)}
        step.connection.execute(strava_event.look_again(), values)
        step.connection.execute(strava_event.finish(), values)

    # --- the athlete

    def _is_revoked(self) -> bool:
        """Whether Strava refuses the athlete's tokens, also after a refresh."""
        try:
            check_strava(self._strava)
        except StravaUnauthorized as error:
            if error.what not in _OF_ATHLETE:
                raise
            return True
        return False

    def _erase(self) -> None:
        """Start the job that ends the connection and deletes the data, as Strava requires.

        Strava also reports the end that a disconnect of ours brought about; that job goes on.
        """
        values: dict[str, Any] = {"athlete": self._athlete_id, "account": None, "job_arguments": {}}
        erasure = {**values, "job_kind": JobKind.ERASE_ATHLETE.value}
        disconnect = {**values, "job_kind": JobKind.STRAVA_DISCONNECT.value}
        created = None
        with self._attempt.step() as step:
            keep_connected(step.connection, self._athlete_id)
            if step.connection.execute(job.existing(), disconnect).first() is None:
                created = step.connection.execute(job.create(), erasure).one_or_none()
            self._delete_all(step)
        if created is not None:
            self._services.log.info("the access to Strava was revoked; the data is erased")
            self._attempt.hand_over(created)

    def _delete_all(self, step: Step) -> None:
        for event in step.connection.execute(strava_event.taken(), self._values).all():
            self._delete(step, StravaObject(event.object_type), [event.object_id])
