"""Five hundred sessions at once, in threads as older code has them, and in an event loop, on a pool
of ten.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db import session
from tests.load.conftest import OVERFLOW, POOL_SIZE, POOL_TIMEOUT_S
from tests.load.pool_watch import watched

AT_ONCE = 500
MOST = POOL_SIZE + OVERFLOW
WORK = text("SELECT CAST(:number AS int) FROM pg_sleep(0.005)")
"""Gives the number, after some milliseconds."""


@pytest.fixture
def environment(database_url, monkeypatch, tmp_path) -> Iterator[None]:
    """What a process finds that uses the sessions of `db.session`: settings, and no pool yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_POOL_SIZE", str(POOL_SIZE))
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", str(OVERFLOW))
    monkeypatch.setenv("DATABASE_POOL_TIMEOUT_S", str(POOL_TIMEOUT_S))
    asyncio.run(session.close_default_pools())
    yield
    asyncio.run(session.close_default_pools())


def in_threads(number: int, work: Callable[[int], object]) -> list[object]:
    """Let `work` be done by so many threads that begin in the same moment; gives results, or
    errors, in order.
    """
    together = threading.Barrier(number)

    def begin(each: int) -> object:
        together.wait()
        try:
            return work(each)
        except PoolTimeout as error:
            return error

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(begin, range(1, number + 1)))


def ask(number: int) -> object:
    with contextmanager(session.get_db_sync)() as db:
        return db.execute(WORK, {"number": number}).scalar()


def test_in_threads(environment, database_url):
    began = time.monotonic()
    with watched(database_url, "pacegraph-get-db-sync") as seen:
        assert in_threads(AT_ONCE, ask) == list(range(1, AT_ONCE + 1))
    sys.stdout.write(f"\n{AT_ONCE} threads: {time.monotonic() - began:.1f} s\n  {seen}\n")
    assert POOL_SIZE <= seen.most <= MOST


def test_in_an_event_loop(environment, database_url):
    async def ask_async(number: int) -> object:
        async with asynccontextmanager(session.get_db)() as db:
            return (await db.execute(WORK, {"number": number})).scalar()

    async def ask_all() -> list[object]:
        try:
            return await asyncio.gather(*(ask_async(number) for number in range(1, AT_ONCE + 1)))
        finally:
            await session.close_default_pools()

    began = time.monotonic()
    with watched(database_url, "pacegraph-get-db") as seen:
        assert asyncio.run(ask_all()) == list(range(1, AT_ONCE + 1))
    sys.stdout.write(f"\n{AT_ONCE} tasks: {time.monotonic() - began:.1f} s\n  {seen}\n")
    assert POOL_SIZE <= seen.most <= MOST


def test_threads_that_hold_their_sessions_for_too_long(environment, database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_POOL_TIMEOUT_S", "0.4")

    def hold(_: int) -> str:
        with contextmanager(session.get_db_sync)() as db:
            return db.execute(text("SELECT 'served' FROM pg_sleep(2)")).scalar_one()

    with watched(database_url, "pacegraph-get-db-sync") as seen:
        told = Counter(
            str(each) if isinstance(each, str) else type(each).__name__
            for each in in_threads(100, hold)
        )
        assert told == {"served": MOST, "TimeoutError": 100 - MOST}
        # none of the pool's connections is lost
        assert in_threads(MOST, ask) == list(range(1, MOST + 1))
    assert seen.most == MOST
