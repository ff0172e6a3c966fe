"""Keeps jobs going: enqueues those that are due or lost, and reclaims those of dead workers.

It is a process of its own, because one of RQ's cron jobs would queue behind the jobs that it has to
watch. Every worker pool runs one; an advisory lock, taken for each pass, lets one at a time act.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import Connection, Executable

from db.errors import DatabaseError
from db.models import URGENT, JobStatus
from db.session import SyncDatabase
from db.statements.athletes import athlete_change, erasure, export, feedback
from db.statements.files import upload
from db.statements.jobs import idempotency_key, job_lease, job_lifetime, job_queue, reconciler_lock
from db.statements.server import schema_use
from db.statements.strava import nightly_sync, strava_event, sync_problem
from flags.flags import Flags
from flags.watch import FlagReader
from jobs.cached_answers import forget_cached_answers
from jobs.enqueue import enqueue, publish, queued_ids
from jobs.lease import ATTEMPT_GRACE_S
from jobs.log_fields import log_fields
from jobs.night import Night
from jobs.original_removals import RemovalSweep
from jobs.orphan_files import FileSweep
from jobs.source_retention import create_refreshing_jobs, delete_due
from jobs.standby import Standby, end_on_sigterm
from jobs.sync.feature_flag import SWITCHED, SYNC_PAUSE_S, is_on_for_all, switched_off
from runtime.clock import utc_now
from runtime.redis_clients import redis_client
from settings import Settings

_MIN_PATIENCE_S = 1
_REDIS_TIMEOUT_S = 1.0  # jobs go on without it
_MARGIN_S = 30
"""Seconds in which a worker that is alive has ended its own attempt."""
_BATCH = 500
_NIGHTLY_AT_ONCE = 50
"""Nights' syncs that are under way or wait for quota: more than 15 minutes' quota serves."""
_DELETE_EVERY_S = 60
_DAY_S = 86_400
_EVENTS_KEPT_S = 7 * _DAY_S
"""Strava's events that cannot be applied for so long are left to the athlete's syncs."""
_LEAD_S = 5
"""Seconds that the leader may pause inside a transaction. Then PostgreSQL ends its connection."""

logger = logging.getLogger(__name__)


def reconcile_forever(settings: Settings) -> None:
    """Reconcile at intervals, through all failures. Ends with the process."""
    database = SyncDatabase(settings, application_name="pacegraph-reconciler")
    redis = redis_client(settings, timeout_s=_REDIS_TIMEOUT_S)
    reconciler = Reconciler(settings, database, redis)
    standby = Standby(settings, database, redis, reconciler.patience_s)
    end_on_sigterm(standby.end)
    away: str | None = None
    while True:
        try:
            _look(reconciler, standby)
        except (DatabaseError, RedisError) as error:
            if away is None:
                logger.warning("the reconciler cannot work", extra={"error": str(error)})
            away = str(error)
        except Exception:
            logger.exception("the reconciler failed")
        else:
            if away is not None:
                logger.warning("the reconciler works again")
            away = None
        time.sleep(settings.job_reconcile_interval_s)


def _look(reconciler: "Reconciler", standby: Standby) -> None:
    if standby.is_needed():
        reconciler.look_at_rows()
        standby.run_queued()
    else:
        reconciler.run_once()
        standby.run_deletions()


class Reconciler:
    """One pass over the jobs, and the actions that follow from it."""

    def __init__(self, settings: Settings, database: SyncDatabase, redis: Redis) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._deletes_at = 0.0
        self._files = FileSweep(settings, database)
        self._removals = RemovalSweep(settings, database)
        self._flags = FlagReader(settings, redis)
        # Time that a job may take from its commit to the queue, and from the queue to its claim.
        self.patience_s = max(_MIN_PATIENCE_S, 2 * settings.job_reconcile_interval_s)

    def run_once(self) -> None:
        """Correct what is wrong, unless another process is doing so.

        Raises DatabaseError and RedisError.
        """
        if (changed := self.look_at_rows()) is not None:
            for row in changed:
                if row.status == JobStatus.QUEUED:
                    _enqueue(self._redis, row)
            self._enqueue_lost()

    def look_at_rows(self) -> Sequence[Any] | None:
        """Do what needs no queue; returns the changed jobs, None if another process leads.

        Raises DatabaseError.
        """
        flags = self._flags.refresh()
        with self._database.write() as connection:
            connection.execute(reconciler_lock.limit_lead(), {"lead_s": str(_LEAD_S)})
            if not connection.execute(reconciler_lock.lead()).scalar_one():
                return None
            connection.execute(job_lease.shorten_leases())
            overdue = connection.execute(
                job_lifetime.end_overdue(), {"life_s": self._settings.job_max_life_s}
            ).all()
            values = {
                "max_failures": self._settings.job_max_attempts,
                "attempt_s": self._settings.job_attempt_max_s + ATTEMPT_GRACE_S + _MARGIN_S,
            }
            reclaimed = connection.execute(job_lease.reclaim(), values).all()
            held = {"held_ids": _hold_back(connection, flags)}
            due = [
                *connection.execute(job_queue.wake()).all(),
                *connection.execute(strava_event.wake_revoked(), held).all(),
            ]
            created = [
                *connection.execute(strava_event.create_due_jobs()).all(),
                *create_refreshing_jobs(self._settings, connection),
                *connection.execute(sync_problem.create_due_jobs()).all(),
                *_begin_nightly(connection, self._settings),
            ]
        for row in reclaimed:
            extra = {**log_fields(row), "job_status": row.status}
            logger.warning("reclaimed a job from a worker with an expired lease", extra=extra)
        for row in overdue:
            logger.warning("ended a job that took too long", extra=log_fields(row))
        self._delete_old()
        changed = [*overdue, *reclaimed, *due, *created]
        for row in changed:
            if not publish(self._redis, row.id, row.athlete_id, row.version):
                break  # each try may take seconds; watchers look at rows anyway
        return changed

    def _delete_old(self) -> None:
        """Delete what is no longer kept, one batch of each kind, now and then."""
        if time.monotonic() < self._deletes_at:
            return
        settings, most = self._settings, {"most": _BATCH}
        batches: list[tuple[Executable, dict[str, float]]] = [
            (
                idempotency_key.sweep_expired(),
                {"lifetime_s": settings.idempotency_key_lifetime_s},
            ),
            (strava_event.delete_old(), {"kept_s": _EVENTS_KEPT_S}),
            (athlete_change.delete_old(), {"kept_s": athlete_change.KEPT_S}),
            (upload.remove_expired(), {}),
            (export.remove_expired(), {}),
        ]
        if days := settings.job_retention_days:
            batches.append((job_lifetime.delete_ended(), {"kept_s": days * _DAY_S}))
        if days := settings.feedback_retention_days:
            batches.append((feedback.delete_old(), {"kept_s": days * _DAY_S}))
        if days := settings.schema_usage_retention_days:
            batches.append((schema_use.delete_old(), {"days": days}))
        is_full = False
        for statement, values in batches:
            with self._database.write() as connection:
                count = connection.execute(statement, values | most).rowcount
            is_full |= count >= _BATCH
        is_full |= delete_due(settings, self._database)
        self._files.run()
        self._removals.run()
        self._forget_answers()
        self._deletes_at = time.monotonic() + (0 if is_full else _DELETE_EVERY_S)

    def _forget_answers(self) -> None:
        """Delete cached answers that were computed while an erasure deleted what they tell."""
        with self._database.read() as connection:
            lately = {"lately_s": 2.5 * _DELETE_EVERY_S}
            is_needed = connection.execute(erasure.happened_lately(), lately).scalar_one()
        if is_needed:
            forget_cached_answers(self._settings)

    def _enqueue_lost(self) -> None:
        """Enqueue jobs that should be in the queue and are not.

        Redis was away, or lost its memory.
        """
        with self._database.read() as connection:
            queued = (
                connection.execute(job_queue.queued_before(), {"seconds": self.patience_s})
                .scalars()
                .all()
            )
        if not queued:
            return
        in_queue = queued_ids(self._redis)
        lost = [job_id for job_id in queued if job_id not in in_queue]
        if not lost:
            return
        with self._database.write() as connection:
            still_queued = connection.execute(job_queue.record_enqueued(), {"ids": lost}).all()
        for row in still_queued:
            logger.warning("enqueued a job that was missing from the queue", extra=log_fields(row))
            _enqueue(self._redis, row)


def _enqueue(redis: Redis, row: Any) -> None:
    enqueue(redis, row.id, at_front=row.kind in URGENT)


def _begin_nightly(connection: Connection, settings: Settings) -> Sequence[Any]:
    """Create the night's syncs that are due."""
    night = Night.under_way(settings, utc_now())
    if night is None:
        return ()
    values = {"night_start": night.start, "night_s": night.length_s, "most": _NIGHTLY_AT_ONCE}
    return connection.execute(nightly_sync.create_due_jobs(), values).all()


def _hold_back(connection: Connection, flags: Flags) -> list[int]:
    """Postpone due syncs that are switched off; returns the ids of all waiting ones that are."""
    if is_on_for_all(flags):
        return []
    kinds = {"job_kinds": [kind.value for kind in SWITCHED]}
    syncs = connection.execute(job_queue.waiting(), kinds).all()
    held = switched_off(flags, ((row.id, row.athlete_id) for row in syncs))
    if ids := list({row.id for row in syncs if row.is_due}.intersection(held)):
        connection.execute(job_queue.postpone(), {"ids": ids, "seconds": SYNC_PAUSE_S})
    return held
