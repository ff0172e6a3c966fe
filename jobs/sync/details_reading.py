"""The last part of a sync: reads the details of activities that only Strava's detailed ones tell.

They are one request an activity. A sync asks for at most STRAVA_DETAILS_PER_SYNC, newest first, and
the next one goes on. It does not fail for want of details: what cannot be had of one activity is
left to a later sync. So is the rest where several fail in a row, or Strava's quota is used up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from db.statements.activities import activity_details
from jobs import retry_pauses
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.sync.changes import note_changes
from jobs.sync.connection_lock import keep_connected
from jobs.sync.details import write_details
from jobs.sync.gear_reading import GearReading
from jobs.sync.problems import OF_THE_JOB, REFUSED_DATA
from jobs.task_services import TaskServices
from strava.activity_details import StravaDetails
from strava.errors import StravaError, StravaNotFound, StravaRateLimited

_MOST_FAILURES = 3  # requests in a row
_ASKED = "details_asked"  # key of the checkpoint: how many this job asked for


class DetailsReading:
    """Reads details for one athlete, in one transaction each: a kill costs one request."""

    def __init__(self, attempt: Attempt, services: TaskServices, strava: AthleteStrava) -> None:
        self._attempt = attempt
        self._services = services
        self._strava = strava
        self._failures = 0

    def run(self) -> None:
        """Read what the limits allow. Raises what ends the attempt, DatabaseError."""
        left = self._services.settings.strava_details_per_sync
        left -= self._attempt.checkpoint.get(_ASKED, 0)
        if left > 0:
            left -= GearReading(self._attempt, self._services, self._strava).run(left)
        if left <= 0:
            return
        with self._attempt.read() as connection:
            values = {"athlete": self._attempt.athlete_id, "row_limit": left}
            activities = connection.execute(activity_details.pending(), values).all()
        for activity in activities:
            if not self._read(activity):
                return

    def _read(self, activity: Any) -> bool:
        """Read those of one activity; returns whether to ask for others."""
        try:
            details = self._details(activity)
        except StravaRateLimited:
            return False
        except OF_THE_JOB:
            raise
        except StravaError as error:
            self._complain(activity, error)
            self._ask_again(activity)
            self._failures += 1
            return self._failures < _MOST_FAILURES
        self._failures = 0
        if details is None:
            self._ask_again(activity)
        else:
            self._write(activity, details)
        return True

    def _details(self, activity: Any) -> StravaDetails | None:
        """Ask for the details of one; None if Strava does not find it. Raises StravaError."""
        try:
            return self._strava.ask(
                lambda client, token: client.details(
                    token, activity.strava_id, activity.started_at
                ),
                patient=False,
            )
        except StravaNotFound as error:
            self._complain(activity, error)
            return None

    def _write(self, activity: Any, details: StravaDetails) -> None:
        try:
            with self._step() as step:
                is_written = write_details(step.connection, activity, step.job_id, details)
                changed = [activity.id] if is_written else []
                assert self._attempt.athlete_id is not None
                note_changes(
                    step.connection, self._attempt.athlete_id, step.job_id, activities=changed
                )
        except REFUSED_DATA:
            extra = {"activity_id": activity.id}
            self._services.log.exception("an activity's details cannot be stored", extra=extra)
            self._ask_again(activity)

    def _ask_again(self, activity: Any) -> None:
        """Note that details could not be had; they are asked for again after a pause."""
        with self._step() as step:
            values = {"activity": activity.id, "pause_s": retry_pauses.DETAILS_S}
            step.connection.execute(activity_details.ask_again(), values)

    @contextmanager
    def _step(self) -> Iterator[Step]:
        """Open the transaction that notes that one activity's details were asked for."""
        assert self._attempt.athlete_id is not None
        with self._attempt.step() as step:
            keep_connected(step.connection, self._attempt.athlete_id)
            step.checkpoint[_ASKED] = step.checkpoint.get(_ASKED, 0) + 1
            yield step

    def _complain(self, activity: Any, error: StravaError) -> None:
        extra = {"strava_id": activity.strava_id, "error": str(error)}
        self._services.log.warning("an activity's details cannot be read", extra=extra)
