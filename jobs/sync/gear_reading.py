"""Reads the gear of an athlete: names, mileage, and whether it is retired.

Each is one request, made again after a week; after four for what is retired and not used since.
"""

from typing import Any

from db.statements.activities import gear
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt
from jobs.sync.connection_lock import keep_connected
from jobs.sync.gear import write_gear
from jobs.sync.problems import OF_THE_JOB
from jobs.task_services import TaskServices
from strava.errors import StravaError, StravaNotFound, StravaRateLimited
from strava.gear import StravaGear

_OLDER_S = 7 * 86_400
_MOST_FAILURES = 3  # requests in a row


class GearReading:
    """Reads gear for one athlete, in one transaction each."""

    def __init__(self, attempt: Attempt, services: TaskServices, strava: AthleteStrava) -> None:
        self._attempt = attempt
        self._services = services
        self._strava = strava
        self._failures = 0

    def run(self, most: int) -> int:
        """Ask for `most` pieces of gear; returns how many it asked for. Raises what ends the job.

        Where several fail in a row, the rest is left to the next sync.
        """
        with self._attempt.read() as connection:
            values = {"athlete": self._attempt.athlete_id, "row_limit": most, "older_s": _OLDER_S}
            found = connection.execute(gear.due(), values).all()
        for number, each in enumerate(found, start=1):
            if not self._read(each):
                return number
        return len(found)

    def _read(self, known: Any) -> bool:
        """Read one; returns whether Strava may be asked for others."""
        try:
            told = self._strava.ask(
                lambda client, token: client.gear(token, known.strava_id), patient=False
            )
        except StravaRateLimited:
            return False
        except OF_THE_JOB:
            raise
        except StravaError as error:
            extra = {"gear_id": known.strava_id, "error": str(error)}
            self._services.log.warning("gear cannot be read", extra=extra)
            self._write(StravaGear(known.strava_id, None, None, None))
            self._failures += not isinstance(error, StravaNotFound)
            return self._failures < _MOST_FAILURES
        self._failures = 0
        if told.strava_id != known.strava_id:
            told = StravaGear(known.strava_id, None, None, None)
        self._write(told)
        return True

    def _write(self, told: StravaGear) -> None:
        assert self._attempt.athlete_id is not None
        with self._attempt.step() as step:
            keep_connected(step.connection, self._attempt.athlete_id)
            write_gear(step.connection, self._attempt.athlete_id, step.job_id, told, asked=True)
