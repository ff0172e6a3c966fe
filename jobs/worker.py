"""The workers: RQ's pool of forking workers, and the reconciler.

    pool (this process)          restarts the processes below
    ├── worker (settings.workers of them)
    │   └── horse                makes one attempt at one job, then ends
    └── reconciler
        └── horse                the same, while Redis takes no writes (jobs/standby.py)

No process outlives its parent, except for a refresh of tokens (jobs/token_refresh.py). On SIGTERM
or SIGINT each horse gives its job back at the next checkpoint. Processes that have not ended after
a few seconds are killed; their jobs are reclaimed when the leases expire.
"""

import gc
import logging
import os
import signal
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from redis import RedisError
from rq import Queue
from rq.job import Job as RqJob
from rq.worker import Worker
from rq.worker_pool import WorkerPool

from athletics.distance import StandardDistance
from athletics.plausibility import fastest_plausible_s
from jobs.enqueue import QUEUE
from jobs.reconcile import reconcile_forever
from jobs.runner import SETTINGS
from logs import bound, child_process, our_version, report_errors
from runtime import tracing
from runtime.allocator import keep_what_was_freed
from runtime.parent_death import die_with_parent
from runtime.redis_clients import blocking_redis_client
from settings import Settings

_GRACE_S = 3.0
_COLLECTOR_THRESHOLDS = (20_000, 20, 50)
"""A run's samples make thousands of objects that live until they are written, and no cycles."""

logger = logging.getLogger(__name__)
_fork = get_context("fork").Process


def main(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT. The caller has configured logging. Raises InvalidSettings."""
    settings.require(
        "database_url",
        "redis_url",
        "strava_client_id",
        "strava_client_secret",
        "token_encryption_keys",
    )
    tracing.begin(settings, "worker", our_version())
    report_errors(settings)
    logger.info("the workers start", extra={"workers": settings.workers})
    _read_tables()
    # What is there now stays: a collection that looks at it costs a job more than parsing an answer.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)
    _Pool(settings).start(logging_level=None)  # type: ignore[arg-type] # LOG_LEVEL decides
    logger.info("the workers have ended")
    return 0


class _JobWorker(Worker):
    """RQ's forking worker, with horses that know the settings and stop and die with it."""

    max_connection_wait_time = 2.0  # while Redis restarts

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__([QUEUE], name=name, connection=blocking_redis_client(settings))
        self._settings = settings
        self._own_pid = os.getpid()

    def handle_warm_shutdown_request(self) -> None:
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        with bound(job_id=job.args[0]):
            super().execute_job(job, queue)

    def main_work_horse(self, job: RqJob, queue: Queue) -> None:
        die_with_parent(self._own_pid)
        keep_what_was_freed()
        SETTINGS.set(self._settings)
        super().main_work_horse(job, queue)


class _Pool(WorkerPool):
    """RQ's pool, which also keeps the reconciler running, and stops within a time limit."""

    def __init__(self, settings: Settings) -> None:
        super().__init__([QUEUE], blocking_redis_client(settings), num_workers=settings.workers)
        self._settings = settings
        self._reconciler: BaseProcess | None = None
        self._kill_at: float | None = None

    def get_worker_process(self, name: str, *_: Any, **__: Any) -> BaseProcess:
        return _fork(target=_as_worker, args=(os.getpid(), self._settings, name))

    def check_workers(self, respawn: bool = True) -> None:  # noqa: FBT001, FBT002 - RQ's signature
        super().check_workers(respawn)
        if self._reconciler is None or not self._reconciler.is_alive():
            self._reconciler = _fork(target=_as_reconciler, args=(os.getpid(), self._settings))
            self._reconciler.start()

    def request_stop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + _GRACE_S
            if self._reconciler is not None:
                self._reconciler.terminate()
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def all_workers_have_stopped(self) -> bool:
        is_late = self._kill_at is not None and time.monotonic() > self._kill_at
        if is_late:
            for data in self.worker_dict.values():
                data.process.kill()
        if self._reconciler is not None and self._reconciler.is_alive():
            if is_late:
                self._reconciler.kill()
            self._reconciler.join(0.3)
            if self._reconciler.is_alive():
                return False
        return super().all_workers_have_stopped()


def _as_worker(parent: int, settings: Settings, name: str) -> None:
    """Run as a worker process; a stop signal before RQ is ready ends the process."""
    _default_signals()
    die_with_parent(parent, signal.SIGTERM)
    with child_process("worker"):
        try:
            # RQ's scheduler would be one more process; the reconciler queues waiting jobs instead.
            _JobWorker(settings, name).work(with_scheduler=False)
        except RedisError as error:
            logger.warning(
                "a worker lost its connection to Redis and is replaced", extra={"error": str(error)}
            )
            time.sleep(1)


def _as_reconciler(parent: int, settings: Settings) -> None:
    _default_signals()
    die_with_parent(parent)
    with child_process("reconciler"):
        logger.info("the reconciler starts")
        reconcile_forever(settings)


def _read_tables() -> None:
    """Read the tables of age grades, which else each job would read for itself."""
    for distance in StandardDistance:
        fastest_plausible_s(distance, None)


def _default_signals() -> None:
    """Reset the pool's signal handlers, which would stop workers."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
