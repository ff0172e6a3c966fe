"""Two thousand subscribers of one job take no more memory the second time, and leave nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.web.api_process import api_process, until
from tests.web.churn import Visit
from tests.web.subscriber import JOB, web_socket

pytestmark = [pytest.mark.anyio, pytest.mark.floods]

SUBSCRIBERS = 2000
AT_ONCE = 50
MOST_KB, MOST_KEPT_MB = 60, 50
MANY = {
    "connections_per_caller": 10_000, "subscriptions_per_caller": 10_000,
    "request_bucket_ip": 1_000_000, "cost_bucket_user": 1_000_000, "memory_given_back_s": 0.5,
}  # fmt: skip


@asynccontextmanager
async def subscribers(address: str, token: str, job: str, way: str) -> AsyncIterator[None]:
    async with AsyncExitStack() as opened:
        turns = iter(range(SUBSCRIBERS))

        async def one_after_another() -> None:
            for _ in turns:
                await BEGIN[way](opened, address, token, job)

        async with asyncio.TaskGroup() as clients:
            for _ in range(AT_ONCE):
                clients.create_task(one_after_another())
        yield


async def begin_socket(opened: AsyncExitStack, address: str, token: str, job: str) -> None:
    socket = await opened.enter_async_context(web_socket(address))
    await socket.begin(Authorization=f"Bearer {token}")
    await socket.subscribe(JOB, id=job)
    await socket.next()


async def begin_stream(opened: AsyncExitStack, address: str, token: str, job: str) -> None:
    host, port = address.split(":")
    visit = Visit(*await asyncio.open_connection(host, int(port)), address, token, job)
    opened.callback(visit.abort)
    await visit.post()
    await visit.reader.readuntil(b"event: next")


BEGIN = {"WebSockets": begin_socket, "event streams": begin_stream}


@pytest.mark.parametrize("way", BEGIN)
async def test_they_take_little_and_leave_nothing(settings, tmp_path, db, way):
    person = make.create_person(db)
    job = encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
    with api_process(settings, tmp_path, **MANY) as api:
        async with subscribers(api.address, person.token, job, way):
            pass  # what is kept once and for all is kept now
        await until(lambda: api.sockets == 0, 20)
        await asyncio.sleep(2)
        before_mb = api.rss_mb
        async with subscribers(api.address, person.token, job, way):
            await until(lambda: api.gauges()["open_subscriptions"] == SUBSCRIBERS, 10)
            each_kb = 1024 * (api.rss_mb - before_mb) / SUBSCRIBERS
        await until(lambda: api.sockets == 0, 20)
        await asyncio.sleep(2)
        kept_mb = api.rss_mb - before_mb
    sys.stdout.write(f"\n{way}: {before_mb:.0f} MB, {each_kb:.0f} kB each, {kept_mb:.0f} MB kept\n")
    assert each_kb <= MOST_KB
    assert kept_mb <= MOST_KEPT_MB
