"""The one wrapper around all tasks: what RQ calls, with a job's id, in a process of its own."""

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar

from redis import Redis

from db.encryption import KeyRing
from db.errors import DatabaseError
from db.models import JobKind
from db.session import SyncDatabase
from db.statements import job, strava_connection
from flags.watch import FlagReader
from jobs.attempt import Attempt
from jobs.enqueue import connect, publish
from jobs.log_fields import log_fields
from jobs.outcome import Outcome, ended_well, outcome_of
from jobs.services import Services
from jobs.stop import StopRequest
from jobs.sync_switch import sync_switch
from jobs.tasks import age_grades, disconnect, personal_bests, strava_sync
from logs import bind, bound
from settings import Settings
from strava.client import StravaClient
from strava.errors import StravaUnauthorized

__all__ = ["SETTINGS", "run"]

SETTINGS: ContextVar[Settings] = ContextVar("settings")
"""The worker's settings: RQ hands a function nothing but its arguments."""

TASKS: Mapping[JobKind, Callable[[Attempt, Services], None]] = {
    JobKind.STRAVA_SYNC: strava_sync.run,
    JobKind.STRAVA_DISCONNECT: disconnect.run,
    JobKind.ERASE_ATHLETE: disconnect.run,
    JobKind.PERSONAL_BESTS: personal_bests.run,
    JobKind.AGE_GRADES: age_grades.run,
}
_TRIES_TO_CONCLUDE = 5
_TOKENS = {"access token", "refresh token"}

_log = logging.getLogger(__name__)


def run(job_id: int) -> None:
    """Make an attempt at a job, if it is still to be done. Raises nothing: what happened stands in its row."""
    stop = StopRequest()
    stop.install()
    settings = SETTINGS.get()
    # Made here, after the fork: no connection is shared between processes.
    database, redis = SyncDatabase(settings, application_name="pacegraph-worker"), connect(settings)
    with bound(job_id=job_id):
        try:
            with StravaClient.from_settings(settings) as strava:
                _Run(settings, database, redis, strava, stop).run(job_id)
        except DatabaseError as error:
            # Not even claimed, or not concluded: the reconciler sees to it.
            _log.warning("PostgreSQL went away", extra={"error": str(error)})
        except Exception:  # noqa: BLE001 - RQ could do no more with it
            _log.exception("a job's wrapper failed")
        finally:
            redis.close()
            database.close()


class _Run:
    def __init__(
        self, settings: Settings, database: SyncDatabase, redis: Redis, strava: StravaClient, stop: StopRequest
    ) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._strava = strava
        self._stop = stop

    def run(self, job_id: int) -> None:
        attempt = self._claim(job_id)
        if attempt is None:
            _log.debug("the job is not queued any more")
            return
        started = time.monotonic()
        _log.info("job started")
        with attempt:
            error = self._work(attempt)
        outcome = self._outcome(attempt, error)
        duration = {"duration_ms": round(1000 * (time.monotonic() - started)), "outcome": outcome.event}
        _log.log(
            logging.ERROR if outcome.unexpected else logging.INFO,
            "job ended",
            extra=duration | ({"error": str(error)} if error and not outcome.unexpected else {}),
            exc_info=error if outcome.unexpected else None,
        )
        self._conclude(attempt, outcome, error)

    def _claim(self, job_id: int) -> Attempt | None:
        lease_s = self._settings.job_lease_s
        with self._database.write() as connection:
            row = connection.execute(job.claim(), {"job_id": job_id, "lease_s": lease_s}).one_or_none()
        if row is None:
            return None
        bind(**log_fields(row), attempt=row.attempts)
        publish(self._redis, row.id, row.athlete_id, row.version)
        flags = FlagReader(self._settings, self._redis, logging.DEBUG)
        switch = sync_switch(flags, JobKind(row.kind), row.athlete_id)
        return Attempt(self._database, self._redis, row, lease_s=lease_s, stop=self._stop, switch=switch)

    def _work(self, attempt: Attempt) -> Exception | None:
        """Run the task; returns what it raised."""
        try:
            keys = KeyRing(self._settings.token_encryption_keys)
            TASKS[attempt.kind](attempt, Services(self._settings, self._database, self._strava, keys, _log))
        except Exception as error:  # noqa: BLE001 - the table says what each one means
            return error
        return None

    def _outcome(self, attempt: Attempt, error: Exception | None) -> Outcome:
        if error is None:
            return ended_well()
        return outcome_of(error, attempt.failures, self._settings.job_max_attempts)

    def _conclude(self, attempt: Attempt, outcome: Outcome, error: Exception | None) -> None:
        """Write the outcome, patiently: without it the whole lease would have to run out."""
        for tries_left in reversed(range(_TRIES_TO_CONCLUDE)):
            try:
                self._write(attempt, outcome, error)
            except DatabaseError:
                if not tries_left:
                    raise
                time.sleep(min(1, self._settings.job_lease_s / 10))
            else:
                return

    def _write(self, attempt: Attempt, outcome: Outcome, error: Exception | None) -> None:
        if outcome.statement is None:
            return
        with self._database.write() as connection:
            news = connection.execute(outcome.statement, {**attempt.key, **outcome.values}).one_or_none()
            if news and isinstance(error, StravaUnauthorized) and error.what in _TOKENS:
                connection.execute(strava_connection.mark_refused(), {"athlete": attempt.athlete_id})
        if news:
            publish(self._redis, news.id, news.athlete_id, news.version)
        else:
            _log.warning("the job was taken over meanwhile")
