"""Two thousand subscribers of one job come and go: those who come later take no more memory."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.web.api_process import ApiProcess, api_process, until
from tests.web.churn import Visit
from tests.web.subscriber import JOB, web_socket

pytestmark = [pytest.mark.anyio, pytest.mark.floods]

SUBSCRIBERS, ROUNDS = 2000, 3
AT_ONCE = 50
MOST_KB, MOST_MORE_MB = 60, 20
MANY = {
    "connections_per_caller": 10_000, "subscriptions_per_caller": 10_000,
    "request_bucket_ip": 1_000_000, "cost_bucket_user": 1_000_000, "memory_given_back_s": 0.5,
}  # fmt: skip


@asynccontextmanager
async def subscribers(
    address: str, token: str, job: str, way: str, count: int
) -> AsyncIterator[None]:
    async with AsyncExitStack() as opened:
        turns = iter(range(count))

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
async def test_they_take_little_and_no_more_the_next_time(settings, tmp_path, db, way):
    person = make.create_person(db)
    job = encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
    with api_process(settings, tmp_path, **MANY) as api:
        async with subscribers(api.address, person.token, job, way, AT_ONCE):
            pass  # what is kept once and for all is kept now
        left_mb = [await settled_mb(api)]
        for _ in range(ROUNDS):
            async with subscribers(api.address, person.token, job, way, SUBSCRIBERS):
                await until(lambda: api.gauges()["open_subscriptions"] == SUBSCRIBERS, 10)
                each_kb = 1024 * (api.rss_mb - left_mb[-1]) / SUBSCRIBERS
            left_mb.append(await settled_mb(api))
    sys.stdout.write(
        f"\n{way}: {left_mb[0]:.0f} MB before, {each_kb:.0f} kB each in the last round, "
        f"{' then '.join(f'{each:.0f}' for each in left_mb[1:])} MB afterwards\n"
    )
    assert each_kb <= MOST_KB
    assert left_mb[-1] - left_mb[1] <= MOST_MORE_MB


async def settled_mb(api: ApiProcess) -> float:
    """The memory once nobody is there, and what was freed is given back to the system."""
    await until(lambda: api.sockets == 0, 20)
    await asyncio.sleep(2)
    return api.rss_mb
