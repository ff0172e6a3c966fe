"""Many who watch one job: none is lost, and the database is asked once for all of them."""

import asyncio
from contextlib import AsyncExitStack
from time import monotonic, perf_counter

import pytest
from redis import Redis

from graph.global_id import encode_id
from jobs.enqueue import publish
from tests import factories as make
from tests.web.api_process import api_process, until
from tests.web.subscriber import Socket, web_socket

pytestmark = pytest.mark.anyio

QUERY = "subscription($id: ID!) { jobUpdated(id: $id) { status version progress { done } } }"
CHANGES, PAUSE_S = 20, 0.1
MOST_APART_S = 1.0
"""Between the first and the last who are told of an event."""
AT_ONCE = 50
LOOKS = 5
"""Reads without news: one every five seconds."""


@pytest.mark.parametrize(
    ("sockets", "each"), [(300, 1), (40, 50), (2000, 1)], ids=["300", "2,000", "2,000 sockets"]
)
async def test_many_watch_one_job(settings, tmp_path, db, redis_url, sockets, each):
    person = make.create_person(db)
    job = make.create_job(db, person.athlete_id, status="RUNNING", version=1)
    unlimited = {"connections_per_caller": 10_000, "subscriptions_per_caller": 10_000}
    unlimited |= {"cost_refill_user_per_s": 10**6, "cost_bucket_user": 10**6}
    unlimited |= {"request_bucket_ip": 10**6}
    with api_process(settings, tmp_path, **unlimited) as api, Redis.from_url(redis_url) as redis:
        async with asyncio.timeout(120), AsyncExitStack() as stack:
            began = perf_counter()
            turns = asyncio.Semaphore(AT_ONCE)
            watchers = [
                asyncio.create_task(_watch(stack, turns, api.address, person, job, each))
                for _ in range(sockets)
            ]
            await until(lambda: api.gauges()["open_subscriptions"] == sockets * each, 60)
            first_s = perf_counter() - began
            reads = api.gauges()["job_reads_total"]
            for number in range(CHANGES):
                ends = number == CHANGES - 1
                query = "UPDATE jobs SET version = version + 1, progress_done = progress_done + 1"
                if ends:
                    query += ", status = 'SUCCEEDED', finished_at = now(), lease_until = NULL"
                query += f" WHERE id = {job} RETURNING version"
                version = await asyncio.to_thread(
                    lambda query=query: db.exec_driver_sql(query).scalar_one()
                )
                changed = monotonic()
                publish(redis, job, person.athlete_id, version)
                await asyncio.sleep(PAUSE_S)
            ended = [end for watcher in watchers for end in await watcher]
            gauges = api.gauges()
    reads = gauges["job_reads_total"] - reads
    lost = [end for end in ended if end[0] != "complete"]
    at = [at for _, at in ended]
    apart_s, late_s = max(at) - min(at), max(at) - changed
    print(  # noqa: T201 - what the test is for
        f"\n{sockets * each} subscribers: {len(lost)} lost, all watching after {first_s:.1f} s, last event "
        f"{late_s:.2f} s after the last change, {apart_s:.2f} s after the first, {reads:.0f} reads for {CHANGES} changes, "
        f"{gauges['database_pool_timeouts_total']:.0f} pool timeouts"
    )
    assert not lost, lost[0]
    assert len(ended) == sockets * each
    assert reads <= CHANGES + LOOKS
    assert apart_s <= MOST_APART_S


async def _watch(
    opened: AsyncExitStack, turns: asyncio.Semaphore, address: str, person, job: int, each: int
) -> list[tuple[str, float]]:
    """Watch a job by several subscriptions of a socket; tells how and when each ended."""
    async with turns:
        socket: Socket = await opened.enter_async_context(web_socket(address))
        await socket.begin(Authorization=f"Bearer {person.token}")
        for number in range(each):
            await socket.subscribe(QUERY, str(number), id=encode_id("Job", job))
    ended: list[tuple[str, float]] = []
    states: dict[str, str] = {}
    while len(ended) < each:
        message = await socket.receive()
        if message["type"] == "next":
            states[message["id"]] = message["payload"]["data"]["jobUpdated"]["status"]
        else:
            is_whole = message["type"] == "complete" and states[message["id"]] == "SUCCEEDED"
            ended.append(("complete" if is_whole else str(message), monotonic()))
    return ended
