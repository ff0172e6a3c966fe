"""Two thousand subscribers of one job come and go: nothing of them stays alive, and their memory goes.

Some MB stay, in pages in which objects of others live (docs/decisions/0044-crowds-in-pages.md).
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.web.api_process import ApiProcess, api_process, until
from tests.web.churn import Visit
from tests.web.subscriber import JOB, web_socket

pytestmark = pytest.mark.anyio

SUBSCRIBERS, ROUNDS = 2000, 3
AT_ONCE = 50
MOST_KB, MOST_LEFT_MB = 35, 18
"""Resident memory of a subscriber under way, and what all of them may leave, after each crowd."""
MOST_ALIVE = 0.1
"""Part of what a crowd allocates that may still be in use: tables that have grown."""
GIVEN_BACK_S = 0.5
MANY = {
    "connections_per_caller": 10_000, "subscriptions_per_caller": 10_000,
    "request_bucket_ip": 1_000_000, "cost_bucket_user": 1_000_000, "memory_given_back_s": GIVEN_BACK_S,
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
async def test_what_they_took_is_given_back(settings, tmp_path, db, way):
    person = make.create_person(db)
    job = encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
    with api_process(settings, tmp_path, **MANY) as api:
        async with subscribers(api.address, person.token, job, way, AT_ONCE):
            api.gauges()  # what is kept once and for all is kept now
        left = [await settled(api)]
        for _ in range(ROUNDS):
            async with subscribers(api.address, person.token, job, way, SUBSCRIBERS):
                await until(lambda: api.gauges()["open_subscriptions"] == SUBSCRIBERS, 10)
                crowd = Memory.of(api)
            left.append(await settled(api))
    before, *after = left
    each_kb = 1024 * (crowd.resident_mb - before.resident_mb) / SUBSCRIBERS
    more_mb = [each.resident_mb - before.resident_mb for each in after]
    alive_mb = [each.allocated_mb - before.allocated_mb for each in after]
    sys.stdout.write(
        f"\n{way}: {before.resident_mb:.0f} MB before, {each_kb:.0f} kB each in the last round, "
        f"{', '.join(f'{each:.1f}' for each in more_mb)} MB more afterwards, of which "
        f"{', '.join(f'{each:.1f}' for each in alive_mb)} in use\n"
    )
    assert each_kb <= MOST_KB
    assert max(more_mb) <= MOST_LEFT_MB
    assert max(alive_mb) <= MOST_ALIVE * (crowd.allocated_mb - before.allocated_mb)


@dataclass(frozen=True)
class Memory:
    """What a process has, and what of it the C library's callers use."""

    resident_mb: float
    allocated_mb: float

    @classmethod
    def of(cls, api: ApiProcess) -> "Memory":
        return cls(api.rss_mb, api.gauges()["allocated_bytes"] / 2**20)


async def settled(api: ApiProcess) -> Memory:
    """The memory once nobody is there, and what was freed is given back to the system."""
    await until(lambda: api.sockets == 0, 20)
    await asyncio.sleep(10 * GIVEN_BACK_S)
    return Memory.of(api)
