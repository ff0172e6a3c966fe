"""A database that is busy, slow or away keeps subscriptions waiting; none ends for it."""

import asyncio
from contextlib import AsyncExitStack, contextmanager

import pytest
from redis import Redis

from graph.global_id import encode_id
from jobs.enqueue import publish
from tests import factories as make
from tests.web.api_process import api_process
from tests.web.subscriber import ATHLETE_JOBS, JOB, event_stream, web_socket

pytestmark = [pytest.mark.anyio, pytest.mark.whole]

BUSY = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 0.2}
WITH_ATHLETE = "subscription($id: ID!) { jobUpdated(id: $id) { version athlete { firstName } } }"
LONG_S = 1.5


@pytest.fixture
def job(db, person):
    return make.create_job(db, person.athlete_id, status="RUNNING", version=1)


@pytest.fixture
def change(db, redis_url, person, job):
    """Changes the job's row on a connection, and tells the watchers.

    Where the table itself is locked it is that of the lock: nobody sees the change before its end.
    """

    def apply(lock):
        query = f"UPDATE jobs SET version = version + 1 WHERE id = {job} RETURNING version"
        version = lock.exec_driver_sql(query).scalar_one()
        with Redis.from_url(redis_url) as redis:
            publish(redis, job, person.athlete_id, version)
        return version

    return apply


@contextmanager
def locked(db, table):
    """Nobody reads the table inside the block; who tries holds a connection."""
    with db.engine.execution_options(isolation_level="READ COMMITTED").begin() as lock:
        lock.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield lock


@pytest.mark.parametrize("query", [JOB, WITH_ATHLETE], ids=["job", "with its athlete"])
@pytest.mark.parametrize("table", ["jobs", "athletes"])
async def test_a_busy_database_delays_events(serving, db, person, job, change, query, table):
    address = serving(**BUSY)
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(web_socket(address)) for _ in range(4)]
        for socket in sockets:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(query, id=encode_id("Job", job))
            await socket.next()
        with locked(db, table) as lock:
            version = change(lock if table == "jobs" else db)
            await asyncio.sleep(LONG_S)
        for socket in sockets:
            seen = (await socket.next())["jobUpdated"]
            assert seen["version"] == version
            assert seen.get("athlete", True) is not None


async def test_a_busy_database_delays_an_athletes_jobs(serving, db, person, job, change):
    address = serving(**BUSY)
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(web_socket(address)) for _ in range(4)]
        for socket in sockets:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(ATHLETE_JOBS, id=person.id)
            await socket.next()  # the job under way
        with locked(db, "jobs") as lock:
            change(lock)
            await asyncio.sleep(LONG_S)
        for socket in sockets:
            assert (await socket.next())["athleteJobs"]["id"] == encode_id("Job", job)


async def test_a_slow_statement_is_tried_again(serving, db, person, job, change):
    address = serving(operation_timeout_s=0.4)
    async with (
        asyncio.timeout(30),
        event_stream(address, person.token, JOB, id=encode_id("Job", job)) as events,
    ):
        await anext(events)
        with locked(db, "jobs") as lock:
            version = change(lock)
            await asyncio.sleep(LONG_S)
        _, event = await anext(events)
        assert event["data"]["jobUpdated"]["version"] == version


async def test_an_outage_is_counted_and_logged_once(settings, tmp_path, db, person, job, change):
    with api_process(settings, tmp_path, **BUSY, operation_timeout_s=0.3) as api:
        async with asyncio.timeout(30), web_socket(api.address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, id=encode_id("Job", job))
            await socket.next()
            with locked(db, "jobs") as lock:
                version = change(lock)
                await asyncio.sleep(2 * LONG_S)
            assert (await socket.next())["jobUpdated"]["version"] == version
            assert api.gauges()["job_read_retries_total"] >= 2
        text = (tmp_path / "api.log").read_text()
    assert text.count("events of subscriptions are delayed") == 1
    assert text.count("events of subscriptions continue") == 1


async def test_a_first_event_that_is_tried_again_pays_for_its_beginning_once(
    serving, db, person, job
):
    address = serving(**BUSY, cost_per_database_ms=40)
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(web_socket(address)) for _ in range(3)]
        for socket in sockets:
            await socket.begin(Authorization=f"Bearer {person.token}")
        with locked(db, "athletes"):
            for number, socket in enumerate(sockets):  # equal ones would share an answer
                query = WITH_ATHLETE.replace("version", f"v{number}: version")
                await socket.subscribe(query, id=encode_id("Job", job))
            await asyncio.sleep(2 * LONG_S)
        costs = [(await each.receive())["payload"]["extensions"]["cost"] for each in sockets]
    # one of them has the connection and waits; the others try again
    assert all(100 < work < 200 for work in sorted(each["work"] for each in costs)[:2])
