"""The one function that RQ calls, with a job's id, in a process of its own. It runs all tasks."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar

from redis import Redis
from sqlalchemy import Connection

from db.encryption import KeyRing
from db.errors import DatabaseError
from db.models import JobKind
from db.session import SyncDatabase
from db.statements.jobs import job_attempt, job_lease
from db.statements.strava import strava_connection
from flags.watch import FlagReader
from jobs.attempt import Attempt
from jobs.enqueue import QUEUE, TRACEPARENT, enqueue, publish
from jobs.lease import AttemptStopped
from jobs.log_fields import log_fields
from jobs.outcome import Outcome, TaskMissing, ended_well, outcome_of
from jobs.runner_changes import has_changed
from jobs.stop_signal import StopRequest
from jobs.sync.changes import note_changes
from jobs.sync.feature_flag import sync_switch
from jobs.task_services import TaskServices
from jobs.tasks import (
    age_grades,
    disconnect,
    export,
    file_import,
    personal_bests,
    strava_sync,
    strava_webhook,
)
from logs import bind, bound, flush_reports
from runtime import tracing
from runtime.redis_clients import redis_client
from runtime.tracing import SpanKind
from settings import Settings
from strava.client import StravaClient
from strava.errors import StravaUnauthorized
from strava.shared_quota.gate import QuotaGate

SETTINGS: ContextVar[Settings] = ContextVar("settings")
"""The worker's settings, because RQ passes a function only its arguments."""

TASKS: Mapping[JobKind, Callable[[Attempt, TaskServices], None]] = {
    JobKind.STRAVA_SYNC: strava_sync.run,
    JobKind.STRAVA_WEBHOOK: strava_webhook.run,
    JobKind.STRAVA_DISCONNECT: disconnect.run,
    JobKind.ERASE_ATHLETE: disconnect.run,
    JobKind.PERSONAL_BESTS: personal_bests.run,
    JobKind.AGE_GRADES: age_grades.run,
    JobKind.IMPORT: file_import.run,
    JobKind.EXPORT: export.run,
}
_TRIES_TO_CONCLUDE = 5
_REDIS_TIMEOUT_S = 1.0  # it carries only news
_TOKENS = {"access token", "refresh token"}
_PROCESSING = {
    "messaging.system": "rq",
    "messaging.operation.type": "process",
    "messaging.destination.name": QUEUE,
}

logger = logging.getLogger(__name__)


def run(job_id: int) -> None:
    """Make an attempt at a job, if it is still queued.

    Raises nothing: the outcome is written to the job's row.
    """
    settings = SETTINGS.get()
    # Created after the fork, so that processes share no connection.
    database, redis = (
        SyncDatabase(settings, application_name="pacegraph-worker"),
        redis_client(settings, timeout_s=_REDIS_TIMEOUT_S),
    )
    try:
        with tracing.root(
            f"process {QUEUE}", _traceparent(), SpanKind.CONSUMER, _PROCESSING
        ) as step:
            if step.trace_id:
                bind(trace_id=step.trace_id)
            run_with(job_id, settings, database, redis)
    finally:
        redis.close()
        database.close()
        tracing.flush()
        flush_reports()


def _traceparent() -> str | None:
    """Get the trace of the request that made the job, which RQ's job has."""
    from rq import get_current_job

    running = get_current_job()
    return None if running is None else running.meta.get(TRACEPARENT)


def run_with(job_id: int, settings: Settings, database: SyncDatabase, redis: Redis) -> None:
    """Do as `run` does, with connections of the caller."""
    stop = StopRequest()
    stop.install()
    with bound(job_id=job_id):
        try:
            quota = QuotaGate.from_settings(settings, database, redis)
            with StravaClient.from_settings(settings, gate=quota) as strava:
                _JobRun(settings, database, redis, strava, quota=quota, stop=stop).run(job_id)
        except DatabaseError as error:
            # Not claimed, or without a written outcome: the reconciler handles it.
            logger.warning("PostgreSQL cannot be reached", extra={"error": str(error)})
        except Exception:
            logger.exception("running a job failed")


class _JobRun:
    def __init__(
        self,
        settings: Settings,
        database: SyncDatabase,
        redis: Redis,
        strava: StravaClient,
        *,
        quota: QuotaGate,
        stop: StopRequest,
    ) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._strava = strava
        self._quota = quota
        self._stop = stop

    def run(self, job_id: int) -> None:
        attempt = self._claim(job_id)
        if attempt is None:
            logger.debug("the job is no longer queued")
            return
        started = time.monotonic()
        logger.info("job started")
        with attempt:
            attempt.publish_claim()  # may take seconds, in which the lease is renewed
            error = self._work(attempt)
            self._quota.settle_rest()
        outcome = self._outcome(attempt, error)
        duration = {
            "duration_ms": round(1000 * (time.monotonic() - started)),
            "outcome": outcome.event,
        }
        tracing.note(pacegraph_job_outcome=outcome.event)
        logger.log(
            logging.ERROR if outcome.unexpected else logging.INFO,
            "job ended",
            extra=duration | ({"error": str(error)} if error and not outcome.unexpected else {}),
            exc_info=error if outcome.unexpected else None,
        )
        self._conclude(attempt, outcome, error)
        if outcome.is_final:
            self._quota.end()

    def _claim(self, job_id: int) -> Attempt | None:
        lease_s = self._settings.job_lease_s
        with self._database.write() as connection:
            row = connection.execute(
                job_lease.claim(), {"job_id": job_id, "lease_s": lease_s}
            ).one_or_none()
            if row is not None and self._database.commits is not None:
                self._database.commits.count_for(row.athlete_id)
        if row is None:
            return None
        bind(**log_fields(row), attempt=row.attempts)
        tracing.rename(f"process {row.kind}")
        tracing.note(messaging_message_id=str(job_id), pacegraph_job_kind=row.kind)
        flags = FlagReader(self._settings, self._redis, logging.DEBUG)
        switch = sync_switch(flags, JobKind(row.kind), row.athlete_id)
        attempt = Attempt(
            self._database,
            self._redis,
            row,
            lease_s=lease_s,
            stop=self._stop,
            switch=switch,
            max_s=self._settings.job_attempt_max_s,
            on_hang=lambda reason: self._end_process(attempt, reason),
        )
        return attempt

    def _end_process(self, attempt: Attempt, reason: AttemptStopped) -> None:
        """Write the outcome of an attempt that hangs, and end this process with it."""
        logger.error("the attempt does not stop", extra={"reason": type(reason).__name__})
        try:
            self._conclude(attempt, self._outcome(attempt, reason), reason)
        except DatabaseError as error:
            # The reconciler handles it.
            logger.warning("PostgreSQL went away", extra={"error": str(error)})
        os._exit(1)

    def _work(self, attempt: Attempt) -> Exception | None:
        """Run the task; returns what it raised."""
        task = TASKS.get(attempt.kind)
        if task is None:
            return TaskMissing(attempt.kind)
        try:
            keys = KeyRing(self._settings.token_encryption_keys)
            task(attempt, self._services(keys))
        except Exception as error:  # noqa: BLE001 - the table of outcomes handles it
            return error
        return None

    def _services(self, keys: KeyRing) -> TaskServices:
        return TaskServices(
            self._settings,
            self._database,
            self._strava,
            self._quota,
            keys,
            self._redis,
            logger,
        )

    def _outcome(self, attempt: Attempt, error: Exception | None) -> Outcome:
        if error is None:
            return ended_well()
        return outcome_of(error, attempt.failures, self._settings.job_max_attempts)

    def _conclude(self, attempt: Attempt, outcome: Outcome, error: Exception | None) -> None:
        """Write the outcome, with retries: otherwise the job waits until its lease expires."""
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
            again = outcome.is_success and self._is_outdated(connection, attempt)
            is_refused = isinstance(error, StravaUnauthorized) and error.what in _TOKENS
            if is_refused and attempt.athlete_id is not None:
                note_changes(connection, attempt.athlete_id, None, of_athlete=True)
            statement = job_attempt.begin_again() if again else outcome.statement
            row = connection.execute(statement, {**attempt.key, **outcome.values}).one_or_none()
            if row and is_refused:
                refused = {"athlete": attempt.athlete_id, "asked_moment": attempt.began_at}
                connection.execute(strava_connection.mark_refused(), refused)
        if row:
            publish(self._redis, row.id, row.athlete_id, row.version)
            if again:
                logger.info("the job begins again: the athlete's sex or birth date has changed")
                enqueue(self._redis, row.id)
        else:
            logger.warning("the job no longer belongs to this attempt")

    def _is_outdated(self, connection: Connection, attempt: Attempt) -> bool:
        athlete_id = attempt.athlete_id
        return athlete_id is not None and has_changed(connection, athlete_id, attempt.checkpoint)
