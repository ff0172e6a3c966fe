"""Keeps jobs going: enqueues those that are due or that Redis lost, and takes back what a dead worker held.

A process of its own, not one of RQ's cron jobs: that would queue behind the very jobs it has to watch over. Every
worker pool runs one; an advisory lock, taken anew for each look, lets one at a time act.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import Connection

from db.errors import DatabaseError
from db.models import JobStatus
from db.session import SyncDatabase
from db.statements import job
from flags.flags import Flags
from flags.watch import FlagReader
from jobs.enqueue import connect, enqueue, publish, waiting
from jobs.log_fields import log_fields
from jobs.sync_switch import SWITCHED, SYNC_PAUSE_S, is_on_for_all, switched_off
from settings import Settings

__all__ = ["Reconciler", "reconcile_forever"]

_LEAST_PATIENCE_S = 1

_log = logging.getLogger(__name__)


def reconcile_forever(settings: Settings) -> None:
    """Look again and again, whatever goes away and comes back. Ends with the process."""
    database = SyncDatabase(settings, application_name="pacegraph-reconciler")
    reconciler = Reconciler(settings, database, connect(settings))
    away: str | None = None
    while True:
        try:
            reconciler.look()
        except (DatabaseError, RedisError) as error:
            if away is None:
                _log.warning("the reconciler cannot work", extra={"error": str(error)})
            away = str(error)
        except Exception:  # noqa: BLE001 - jobs must go on
            _log.exception("the reconciler failed")
        else:
            if away is not None:
                _log.warning("the reconciler works again")
            away = None
        time.sleep(settings.job_reconcile_interval_s)


class Reconciler:
    """One look, and what follows from it."""

    def __init__(self, settings: Settings, database: SyncDatabase, redis: Redis) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._flags = FlagReader(settings, redis)
        # How long a job may take from the commit to the queue, and from the queue to its claim.
        self._patience_s = max(_LEAST_PATIENCE_S, 2 * settings.job_reconcile_interval_s)

    def look(self) -> None:
        """Set right what is wrong, unless another one is at it. Raises DatabaseError and RedisError."""
        flags = self._flags.refresh()
        with self._database.write() as connection:
            if not connection.execute(job.lead()).scalar_one():
                return
            values = {"max_failures": self._settings.job_max_attempts}
            taken_back = connection.execute(job.take_back(), values).all()
            _hold_back(connection, flags)
            due = connection.execute(job.wake()).all()
        for row in taken_back:
            extra = {**log_fields(row), "job_status": row.status}
            _log.warning("took a job back from a worker that gave no sign of life", extra=extra)
        self._enqueue([*taken_back, *due])
        self._enqueue_lost()

    def _enqueue(self, news: Sequence[Any]) -> None:
        for row in news:
            publish(self._redis, row.id, row.athlete_id, row.version)
            if row.status == JobStatus.QUEUED:
                enqueue(self._redis, row.id)

    def _enqueue_lost(self) -> None:
        """Enqueue what should be in the queue for a while and is not: Redis was away, or lost its memory."""
        with self._database.read() as connection:
            queued = connection.execute(job.queued_before(), {"seconds": self._patience_s}).scalars().all()
        if not queued:
            return
        in_queue = waiting(self._redis)
        lost = [job_id for job_id in queued if job_id not in in_queue]
        if not lost:
            return
        with self._database.write() as connection:
            still_queued = connection.execute(job.note_enqueued(), {"ids": lost}).all()
        for row in still_queued:
            _log.warning("enqueued a job that the queue had lost", extra=log_fields(row))
            enqueue(self._redis, row.id)


def _hold_back(connection: Connection, flags: Flags) -> None:
    """Let syncs that are switched off wait on."""
    if is_on_for_all(flags):
        return
    kinds = {"job_kinds": [kind.value for kind in SWITCHED]}
    waiting_syncs = connection.execute(job.due(), kinds).all()
    if ids := switched_off(flags, ((row.id, row.athlete_id) for row in waiting_syncs)):
        connection.execute(job.postpone(), {"ids": ids, "seconds": SYNC_PAUSE_S})
