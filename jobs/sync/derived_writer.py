"""Writes what a sync derives of an athlete's activities, some of them in one transaction.

Samples that Strava was asked for are stored at once and alone, so that a kill costs no request.
What is derived of them follows within 2 seconds, also while Strava lets wait for its next answer
(`AthleteStrava.meanwhile`); until then the efforts of an activity count as still to be derived, from
what is stored.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from db.models import StreamsState, SyncStage
from db.statements.activities import stream as streams
from jobs.attempt import Attempt, Step
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.changes import note_changes
from jobs.sync.connection_lock import keep_connected
from jobs.sync.derived_rows import Runner
from jobs.sync.effort_sources import (
    DerivedActivity,
    Material,
    derive_activity,
    held_values,
    keep_streams,
    write_derived,
)
from jobs.sync.problems import OF_THE_JOB, clear_problems, record_problem

_AT_ONCE = 50
_WITHIN_S = 1.5  # looked at a few times a second
NO_STREAMS = "no_streams"
"""Key of the checkpoint: activities without streams or efforts."""


class DerivedWriter:
    """What waits to be written for one athlete. `runner` is the athlete as it was known last.

    `leave_out` is called with an activity that cannot be written, and why.
    """

    def __init__(
        self, attempt: Attempt, runner: Runner, leave_out: Callable[[Any, Exception], None]
    ) -> None:
        assert attempt.athlete_id is not None
        self._attempt, self._athlete_id = attempt, attempt.athlete_id
        self.runner = runner
        self._leave_out = leave_out
        self._waiting: list[DerivedActivity] = []
        self._since = 0.0
        self.has_left_out = False

    def keep_streams(self, activity: Any, material: Material) -> None:
        """Store the samples alone. Raises StravaNotConnected."""
        values = held_values(activity, material)
        row = self._attempt.write_alone(streams.store_held(), values)
        if row is not None and not row.is_connected:
            raise StravaNotConnected(self._athlete_id)
        if row is not None and not row.has_some:
            return
        with self._attempt.step() as step:
            step.has_moved = True
            keep_connected(step.connection, self._athlete_id)
            keep_streams(step.connection, activity, material)

    def add(self, derived: DerivedActivity) -> None:
        """Write an activity that has its samples stored, now or with some others."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(derived.with_parts())
        self.write_due()

    def write_due(self) -> None:
        """Write what waits where that is enough, or has waited for long."""
        if len(self._waiting) >= _AT_ONCE or time.monotonic() - self._since >= _WITHIN_S:
            self.write_waiting()

    def write_waiting(self) -> None:
        """Write what waits. What cannot be written is left out."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            with self._attempt.stop.uninterrupted():
                self.write(waiting)
        except OF_THE_JOB:
            raise
        except Exception as error:  # noqa: BLE001 - of one of them only
            if len(waiting) == 1:
                self._leave_out(waiting[0].activity, error)
                return
            for each in waiting:
                self._waiting = [each]
                self.write_waiting()

    def write(self, found: Sequence[DerivedActivity]) -> None:
        """Write activities in one transaction. Raises what the database refuses them with."""
        with self._attempt.step() as step:
            runner = keep_connected(step.connection, self._athlete_id)
            if runner != self.runner:  # sex or birth date were changed just now
                self.runner = runner
                # those without samples at hand are derived again from what is stored
                found = [
                    derive_activity(each.activity, runner, each.material)
                    for each in found
                    if each.run is not None or not each.has_samples
                ]
            self._write(step, found)

    def _write(self, step: Step, found: Sequence[DerivedActivity]) -> None:
        job_id = self._attempt.job_id
        written = write_derived(step.connection, found, job_id)
        note_changes(step.connection, self._athlete_id, job_id, activities=written.ids)
        final = [each for each in found if each.material.is_final]
        known = step.checkpoint.get(NO_STREAMS)
        if known:
            done = {each.activity.id for each in final}
            step.checkpoint[NO_STREAMS] = [each for each in known if each not in done]
        step.done += sum(each.activity.streams_asked_by_job_id != job_id for each in final)
        step.total = max(step.done, step.total or 0)
        solved = []
        for each in final:
            material, activity = each.material, each.activity
            problem = material.problem or written.problems.get(activity.id)
            if problem is not None:
                self.has_left_out = True
                record_problem(
                    step, self._attempt, activity.strava_id, problem, stage=SyncStage.DERIVING
                )
            elif material.tries is not None or material.state is not StreamsState.UNREAD:
                # Streams that Strava was not asked for again are still not there.
                solved.append(activity.strava_id)
        clear_problems(step, self._attempt, solved)
