"""Processes that make attempts at jobs, all at the same simulated time."""

import logging
import os
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from redis import Redis

from db.session import SyncDatabase
from jobs.runner import run_with
from runtime.parent_death import die_with_parent
from settings import Settings
from tests.year.simulated_time import SimulatedTime

_fork = get_context("fork")


class JobProcesses:
    """Begin them before there are threads that may hold a lock.

    A process keeps its connections and compiled statements from job to job, which RQ's workers do
    not: a year has some 20,000 jobs.
    """

    def __init__(self, settings: Settings, clock: SimulatedTime, number: int) -> None:
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(number):
            pipe, theirs = _fork.Pipe()
            process = _fork.Process(target=_work, args=(theirs, settings, clock, os.getpid()))
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", DeprecationWarning
                )  # of threads in a process that forks
                process.start()
            theirs.close()
            self._pipes.append(pipe)
            self._processes.append(process)

    def run(self, job_ids: Iterable[int]) -> None:
        """Make an attempt at each; returns when all have ended. Raises what an attempt raised."""
        left, busy = deque(job_ids), dict.fromkeys(self._pipes, False)
        while left or any(busy.values()):
            for pipe in self._pipes:
                if left and not busy[pipe]:
                    pipe.send(left.popleft())
                    busy[pipe] = True
            for ready in wait([pipe for pipe in self._pipes if busy[pipe]]):
                assert isinstance(ready, Connection)
                failure = ready.recv()
                assert failure is None, failure
                busy[ready] = False

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join()


@contextmanager
def job_processes(settings: Settings, clock: SimulatedTime, number: int) -> Iterator[JobProcesses]:
    processes = JobProcesses(settings, clock, number)
    try:
        yield processes
    finally:
        processes.close()


def _work(pipe: Connection, settings: Settings, clock: SimulatedTime, parent: int) -> None:
    die_with_parent(parent)
    logging.raiseExceptions = False
    assert settings.redis_url is not None
    database = SyncDatabase(settings, application_name="year")
    with clock.ruling(), Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        while (job_id := pipe.recv()) is not None:
            failure = None
            try:
                run_with(job_id, settings, database, redis)
            except BaseException:  # noqa: BLE001 - told to the test
                failure = traceback.format_exc()
            pipe.send(failure)
    database.close()
