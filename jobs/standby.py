"""Runs queued jobs from PostgreSQL alone while Redis takes no writes, and deletions at any time.

Redis may be away, full (`maxmemory`), or a replica that only reads. Its queue then carries nothing,
but the rows say what is queued, and a job is claimed once, however many processes try.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from types import FrameType

from redis import Redis, RedisError

from db.session import SyncDatabase
from db.statements.jobs import job_queue
from db.statements.strava import strava_event
from jobs.runner import SETTINGS, run
from logs import child_process
from runtime.parent_death import die_with_parent
from runtime.redis_clients import WRITE_PROBE
from runtime.redis_cluster import tagged
from settings import Settings

_DELETIONS_WAIT_S = 5.0  # then they wait for no worker
_END_S = 2.5  # less than the pool waits before it kills

logger = logging.getLogger(__name__)
_fork = get_context("fork").Process


class Standby:
    """Starts horses, at most WORKERS at once, for jobs that stay queued while Redis is unwritable."""

    def __init__(
        self, settings: Settings, database: SyncDatabase, redis: Redis, patience_s: float
    ) -> None:
        """Leave jobs to Redis for `patience_s` seconds after they were queued."""
        self._settings = settings
        self._database = database
        self._redis = redis
        self._patience_s = patience_s
        self._horses: list[BaseProcess] = []
        self._is_acting = False

    def run_queued(self) -> None:
        """Start what is queued. Raises DatabaseError."""
        self._horses = [horse for horse in self._horses if horse.is_alive()]
        free = self._settings.workers - len(self._horses)
        if free <= 0:
            return
        values = {"seconds": self._patience_s, "most": free}
        with self._database.read() as connection:
            queued = connection.execute(job_queue.oldest_queued(), values).scalars().all()
        for job_id in queued:
            self._start(job_id)

    def _start(self, job_id: int) -> None:
        horse = _fork(target=_as_horse, args=(os.getpid(), self._settings, job_id))
        horse.start()
        self._horses.append(horse)

    def run_deletions(self) -> None:
        """Start queued deletions that found no free worker: others may be busy for hours.

        A job that looks into an end of the access begins one.

        Raises DatabaseError.
        """
        self._horses = [horse for horse in self._horses if horse.is_alive()]
        free = self._settings.workers - len(self._horses)
        if free <= 0:
            return
        values = {"seconds": _DELETIONS_WAIT_S, "most": free}
        with self._database.read() as connection:
            queued = connection.execute(strava_event.oldest_deletions(), values).scalars().all()
        for job_id in queued:
            self._start(job_id)

    def end(self, *_: object) -> None:
        """Have the horses give their jobs back, and wait for them, but not for long."""
        for horse in self._horses:
            horse.terminate()
        until = time.monotonic() + _END_S
        for horse in self._horses:
            horse.join(max(0.0, until - time.monotonic()))

    def is_needed(self) -> bool:
        """Find out whether Redis takes no writes. It may take seconds."""
        try:
            self._redis.set(tagged(self._redis, WRITE_PROBE), 1, ex=60)
        except (RedisError, OSError) as error:
            if not self._is_acting:
                logger.warning(
                    "Redis takes no writes; jobs run from PostgreSQL", extra={"error": str(error)}
                )
            self._is_acting = True
            return True
        if self._is_acting:
            logger.warning("Redis takes writes again; it carries jobs")
        self._is_acting = False
        return False


def end_on_sigterm(end: Callable[[], None]) -> None:
    """Handle SIGTERM by `end`, then end the process."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        end()
        os._exit(0)

    signal.signal(signal.SIGTERM, handle)


def _as_horse(parent: int, settings: Settings, job_id: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until `run` handles it
    die_with_parent(parent)
    with child_process("worker"):
        SETTINGS.set(settings)
        run(job_id)
