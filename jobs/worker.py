"""The workers: RQ's pool of forking workers, with the reconciler beside them.

    pool (this process)          replaces what dies
    ├── worker (settings.workers of them)
    │   └── horse                one attempt at one job, then it ends
    └── reconciler

Nothing outlives its parent. On SIGTERM or SIGINT each horse hands its job back at the next checkpoint; what has not
ended after a few seconds is killed, and its job is taken over when the lease has run out.
"""

import logging
import os
import signal
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from redis import Redis, RedisError
from rq import Queue
from rq.job import Job as RqJob
from rq.worker import Worker
from rq.worker_pool import WorkerPool

from jobs.enqueue import QUEUE
from jobs.processes import die_with_parent
from jobs.reconcile import reconcile_forever
from jobs.runner import SETTINGS
from logs import bound, child_process
from settings import Settings

__all__ = ["main"]

_GRACE_S = 3.0

_log = logging.getLogger(__name__)
_fork = get_context("fork").Process


def main(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT. The caller has set logging up. Raises InvalidSettings."""
    settings.require("database_url", "redis_url", "strava_client_id", "strava_client_secret", "token_encryption_keys")
    _log.info("the workers start", extra={"workers": settings.workers})
    _Pool(settings).start(logging_level=None)  # type: ignore[arg-type] # LOG_LEVEL and LOG_LEVELS say it
    _log.info("the workers have ended")
    return 0


class _JobWorker(Worker):
    """RQ's forking worker, whose horses know the settings, are told of a stop, and die with it."""

    max_connection_wait_time = 2.0  # for a Redis that restarts

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__([QUEUE], name=name, connection=_redis(settings))
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
        SETTINGS.set(self._settings)
        super().main_work_horse(job, queue)


class _Pool(WorkerPool):
    """RQ's pool, which also keeps the reconciler alive, and whose stop has a limit."""

    def __init__(self, settings: Settings) -> None:
        super().__init__([QUEUE], _redis(settings), num_workers=settings.workers)
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
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def all_workers_have_stopped(self) -> bool:
        if self._reconciler is not None:
            self._reconciler.kill()  # it holds nothing
            self._reconciler.join()
        if self._kill_at is not None and time.monotonic() > self._kill_at:
            for data in self.worker_dict.values():
                data.process.kill()
        return super().all_workers_have_stopped()


def _as_worker(parent: int, settings: Settings, name: str) -> None:
    """Run as a worker process; a stop that comes before RQ is ready for it ends the process."""
    _default_signals()
    die_with_parent(parent, signal.SIGTERM)
    with child_process("worker"):
        try:
            # RQ's scheduler, one process more, has nothing to do: the reconciler wakes what waits.
            _JobWorker(settings, name).work(with_scheduler=False)
        except RedisError as error:
            _log.warning("a worker lost Redis; another takes its place", extra={"error": str(error)})
            time.sleep(1)


def _as_reconciler(parent: int, settings: Settings) -> None:
    _default_signals()
    die_with_parent(parent)
    with child_process("reconciler"):
        _log.info("the reconciler starts")
        reconcile_forever(settings)


def _default_signals() -> None:
    """Forget the pool's handlers: they stop workers."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _redis(settings: Settings) -> Redis:
    """Make RQ's client: patient, for it waits for jobs."""
    assert settings.redis_url is not None
    return Redis.from_url(settings.redis_url.get_secret_value())
