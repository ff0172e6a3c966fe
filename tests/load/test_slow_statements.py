"""Statements that hang, behind a locked table: those that find no connection in time are told so,
and nothing leaks.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.load.conftest import OVERFLOW, POOL_SIZE
from tests.load.crowd import ask_at_once
from tests.load.pool_watch import watched
from tests.load.requests import change, page, rest_activities
from tests.security.http_connection import Connection

AT_ONCE = 100
MOST = POOL_SIZE + OVERFLOW
# all are at the pool at once
IMPATIENT = {"database_pool_timeout_s": 0.5, "concurrent_operations": 1000}
WAYS = {
    "by-plan": (page, {}),
    "on-graphql-core": (page, {"planned_execution": "off"}),
    "mutations": (change, {}),
    "rest": (rest_activities, {}),
}


@contextmanager
def locked(database_url: str, seconds: float) -> Iterator[None]:
    """Nobody reads or changes athletes for so long, counted from the block's begin; its end waits
    for that.
    """

    def hold() -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
            held.set()
            time.sleep(seconds)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    yield
    holder.join()


@pytest.mark.parametrize("way", WAYS)
def test_those_past_the_pool_s_timeout_are_told_to_come_again(serving, crowd, database_url, way):
    make, changes = WAYS[way]
    api = serving(**IMPATIENT, **changes)
    _warm_up(api, crowd(50, make))
    with watched(database_url, "pacegraph-api") as seen, locked(database_url, 1.5):
        outcome = asyncio.run(ask_at_once(api.address, crowd(AT_ONCE, make)))
    sys.stdout.write(f"\n{way}: {outcome}\n  {seen}\n")
    told = outcome.told
    assert set(told) == {"200", "503 DATABASE_BUSY"}
    assert 1 <= told["200"] <= MOST  # those that had a connection, and waited for the table
    for answer, seconds in zip(outcome.answers, outcome.took_s, strict=True):
        if answer.status == 503:
            assert answer.header("retry-after") == "1"
            assert 0.4 < seconds < 1.5
    assert api.gauges()["database_pool_timeouts_total"] >= told["503 DATABASE_BUSY"]
    assert seen.most <= MOST
    _assert_whole(api, crowd, database_url)


@pytest.mark.parametrize("way", ["by-plan", "mutations"])
def test_operations_that_take_too_long_give_their_connections_back(
    serving, crowd, database_url, way
):
    """Cancelled while they wait, for a connection or for the table."""
    make, changes = WAYS[way]
    api = serving(**IMPATIENT | {"database_pool_timeout_s": 5, "operation_timeout_s": 1}, **changes)
    _warm_up(api, crowd(50, make))
    with watched(database_url, "pacegraph-api") as seen, locked(database_url, 6):
        for _ in range(2):
            outcome = asyncio.run(ask_at_once(api.address, crowd(AT_ONCE, make)))
            sys.stdout.write(f"\n{way}: {outcome}\n")
            assert set(outcome.told) == {"503 TIMEOUT"}
            assert 0.9 < min(outcome.took_s) <= max(outcome.took_s) < 3
    sys.stdout.write(f"  {seen}\n")
    assert seen.most <= MOST
    _assert_whole(api, crowd, database_url)


@pytest.mark.parametrize("way", ["by-plan", "mutations"])
def test_clients_that_leave_take_no_connection_with_them(serving, crowd, database_url, way):
    make, changes = WAYS[way]
    api = serving(**IMPATIENT, **changes)
    _warm_up(api, crowd(50, make))
    with watched(database_url, "pacegraph-api") as seen, locked(database_url, 1):
        asyncio.run(_ask_and_leave(api.address, crowd(AT_ONCE, make)))
    assert seen.most <= MOST
    _assert_whole(api, crowd, database_url)


def _warm_up(api, requests) -> None:
    """Let the callers be known and the document be read, so that only what is asked waits."""
    asyncio.run(ask_at_once(api.address, requests))


async def _ask_and_leave(address: str, requests: list[bytes]) -> None:
    connections = [Connection(address) for _ in requests]
    for connection, request in zip(connections, requests, strict=True):
        _, writer = await connection.open()
        writer.write(request)
    await asyncio.sleep(0.3)
    await asyncio.gather(*(each.end() for each in connections))


def _assert_whole(api, crowd, database_url) -> None:
    """The pool is as it was: nothing is held, everybody is served, and all of its connections can
    still be used.
    """
    deadline = time.monotonic() + 5
    while api.gauges()["database_connections"]:
        assert time.monotonic() < deadline, api.gauges()
        time.sleep(0.05)
    with psycopg.connect(database_url) as connection:
        [(held,)] = connection.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'pacegraph-api' AND datname = current_database() AND state <> 'idle'"
        )
    assert held == 0
    told = asyncio.run(ask_at_once(api.address, crowd(40, page, change))).told
    assert set(told) == {"200"}
    with watched(database_url, "pacegraph-api") as seen, locked(database_url, 0.3):
        asyncio.run(ask_at_once(api.address, crowd(50, change)))
    assert (seen.most, seen.most_active) == (MOST, MOST)
