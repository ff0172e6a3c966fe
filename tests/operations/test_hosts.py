"""PostgreSQL and Redis on hosts of their own (`hosts.py`), of which one goes dark: who notices, and when."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from pydantic import SecretStr
from redis import TimeoutError as RedisTimeout
from sqlalchemy import Connection, text

from db.errors import DatabaseUnavailable
from db.session import AsyncDatabase, SyncDatabase
from db.transaction_runner import TransactionRunner
from operator_commands.migrations import upgrade
from runtime.redis_clients import blocking_redis_client
from tests.operations.hosted_services import (
    HostedServer,
    data,
    network,
    redis,
    server,
    settings,
    until,
)

__all__ = ["data", "network", "redis", "server", "settings"]
pytestmark = pytest.mark.operations

DARK_S = 25
"""Within this a dark host must be noticed. PostgreSQL's drivers alone would wait for ever."""
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(%'"


def test_a_dark_server_is_noticed(network, server, settings):
    """By jobs, by the API and by RQ, each while it waits for an answer."""
    settings = settings.model_copy(update={"database_statement_timeout_ms": 0})
    ended: dict[str, Exception] = {}

    def waiting(ask: Callable[[], object]) -> threading.Thread:
        def wait() -> None:
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - the test tells which it is
                ended[ask.__name__] = error

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def of_jobs() -> None:
        with (
            closing(SyncDatabase(settings, application_name="dark")) as database,
            database.read() as connection,
        ):
            connection.execute(text("SELECT pg_sleep(3600)"))

    def of_the_api() -> None:
        async def ask() -> None:
            database = AsyncDatabase(settings, application_name="dark")
            try:
                await database.fetch_row_once("SELECT pg_sleep(3600)", ())
            finally:
                await database.close()

        asyncio.run(ask())

    def of_rq() -> None:
        with blocking_redis_client(settings) as client:
            client.blpop(["nothing"], 3600)

    threads = [waiting(each) for each in (of_jobs, of_the_api, of_rq)]
    until(lambda: server.run(SLEEPING) == 2)
    network["data"].cut_off()
    deadline = time.monotonic() + DARK_S
    for each in threads:
        each.join(max(0, deadline - time.monotonic()))
    assert {name: type(error) for name, error in ended.items()} == {
        "of_jobs": DatabaseUnavailable,
        "of_the_api": DatabaseUnavailable,
        "of_rq": RedisTimeout,
    }


def test_what_a_dark_client_held_is_let_go(network, settings):
    """PostgreSQL itself would keep it for DATABASE_IDLE_TRANSACTION_TIMEOUT_MS, a minute."""
    upgrade(settings)
    with (
        closing(SyncDatabase(settings, application_name="dark")) as dark,
        closing(SyncDatabase(settings, application_name="other")) as other,
    ):
        with network["worker-1"].entered():
            holding = dark.engine.connect()
            holding.execute(text("LOCK TABLE jobs"))
        network["worker-1"].cut_off()
        began = time.monotonic()
        with other.write() as connection:
            connection.execute(text("SELECT FROM jobs"))
        assert time.monotonic() - began < DARK_S
        holding.invalidate()
        holding.close()


def test_a_database_fails_over_from_a_dark_host(network, server, settings, data):
    """The host that is named first takes connections no more, and refuses none."""
    replica = HostedServer(data / "replica", network["replica"])
    replica.follow(server)
    replica.start()
    hosts = f"host={server.address}&host={replica.address}"
    url = f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"
    waits = {"database_failover_s": 30.0, "database_pool_timeout_s": 30.0}
    settings = settings.model_copy(update={"database_url": SecretStr(url), **waits})

    async def ask() -> float:
        api = AsyncDatabase(settings, application_name="api")
        await asyncio.gather(*(api.fetch_row("SELECT pg_sleep(0.1)", ()) for _ in range(5)))
        network["data"].cut_off()
        replica.run("SELECT pg_promote()")
        began = time.monotonic()
        rows = await asyncio.gather(*(api.fetch_row("SELECT $1::int", (n,)) for n in range(10)))
        assert [row[0] for row in rows] == list(range(10))
        took_s = time.monotonic() - began
        await api.close()
        return took_s

    with closing(SyncDatabase(settings, application_name="jobs")) as jobs:
        assert TransactionRunner(jobs).read(_one) == 1
        took_s = asyncio.run(ask())
        began = time.monotonic()
        assert TransactionRunner(jobs).read(_one) == 1
        jobs_took_s = time.monotonic() - began
    sys.stdout.write(f"the API waited {took_s:.1f} s, jobs {jobs_took_s:.1f} s\n")
    assert max(took_s, jobs_took_s) < DARK_S
    network["data"].join()  # else its end waits until it has given the replica up
    replica.stop()


def _one(connection: Connection) -> object:
    return connection.execute(text("SELECT 1")).scalar_one()
