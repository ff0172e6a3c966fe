"""Reads Strava's heart rate zones of an athlete, once a week: one request.

They hold on days for which the athlete set none here. Strava tells those of today only: the first
that it told hold for all days before, later ones from the day on which a sync saw them.
"""

from collections.abc import Sequence
from datetime import date

from db.statements.performance import heart_rate
from db.statements.strava import strava_connection
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.sync.changes import note_changes
from jobs.sync.connection_lock import keep_connected
from jobs.sync.problems import OF_THE_JOB
from jobs.task_services import TaskServices
from runtime.clock import utc_now
from strava.errors import (
    StravaBadData,
    StravaError,
    StravaRateLimited,
    StravaScopeMissing,
    StravaUnreadable,
)

_OLDER_S = 7 * 86_400
_ALWAYS = date(1900, 1, 1)


class ZonesReading:
    """Reads them for one athlete."""

    def __init__(self, attempt: Attempt, services: TaskServices, strava: AthleteStrava) -> None:
        assert attempt.athlete_id is not None
        self._attempt, self._services, self._strava = attempt, services, strava
        self._values = {"athlete": attempt.athlete_id}

    def run(self) -> None:
        """Read them if they are due and the athlete granted it. Raises what ends the job.

        A sync does not fail for want of them: a later one asks again.
        """
        with self._attempt.read() as connection:
            values = self._values | {"older_s": _OLDER_S}
            known = connection.execute(strava_connection.zones_due(), values).one_or_none()
        if known is None or not known.is_due or not known.is_granted:
            return
        try:
            lowest = self._strava.ask(
                lambda client, token: client.heart_rate_zones(token), patient=False
            )
        except StravaRateLimited:
            return
        except OF_THE_JOB:
            raise
        except StravaError as error:
            self._services.log.warning(
                "heart rate zones cannot be read", extra={"error": str(error)}
            )
            if not _is_lasting(error):
                return
            lowest = ()
        with self._attempt.step() as step:
            self._write(step, lowest)

    def _write(self, step: Step, lowest: Sequence[int]) -> None:
        """Write them, if they are others than before; without any those before stay."""
        keep_connected(step.connection, self._values["athlete"])
        step.connection.execute(strava_connection.mark_zones_read(), self._values)
        known = step.connection.execute(heart_rate.newest_of_strava(), self._values).all()
        if not lowest or [row.lowest_bpm for row in known] == list(lowest):
            return
        day = utc_now().date() if known else _ALWAYS
        values = self._values | {"of_strava": True, "day": day}
        step.connection.execute(heart_rate.discard_zones(), values)
        rows = [
            {
                "athlete_id": self._values["athlete"],
                "from_strava": True,
                "valid_from": day,
                "zone_number": number,
                "lowest_bpm": bpm,
            }
            for number, bpm in enumerate(lowest, start=1)
        ]
        step.connection.execute(heart_rate.add_zones(), rows)
        note_changes(step.connection, self._values["athlete"], step.job_id, of_athlete=True)


def _is_lasting(error: StravaError) -> bool:
    """Whether the next sync would get the same answer."""
    is_zones = isinstance(error, StravaBadData) and not isinstance(error, StravaUnreadable)
    return is_zones or isinstance(error, StravaScopeMissing)
