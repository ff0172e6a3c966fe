"""Two thousand who watch jobs in which nothing happens: what each costs in memory and in CPU."""

import asyncio
import sys
from contextlib import AsyncExitStack

import psutil
import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.web.api_process import api_process, until
from tests.web.churn import Visit

pytestmark = pytest.mark.anyio

WATCHERS, AT_ONCE = 2000, 50
SECONDS = 10.0
MOST_KB = 75
MOST_CORE = 0.4
"""Share of a core that all of them take while nothing happens."""


async def test_who_watches_and_hears_nothing_costs_little(settings, tmp_path, db):
    person = make.create_person(db)
    job = encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
    unlimited = {"connections_per_caller": 10_000, "subscriptions_per_caller": 10_000}
    with api_process(settings, tmp_path, **unlimited) as api:
        host, port = api.address.split(":")
        opened: list[Visit] = []

        async def watch(count: int) -> None:
            for _ in range(count):
                reader, writer = await asyncio.open_connection(host, int(port))
                visit = Visit(reader, writer, api.address, person.token, job)
                await visit.subscribe()
                await visit.receive("next")
                opened.append(visit)

        async with AsyncExitStack() as stack:
            stack.callback(lambda: [each.abort() for each in opened])
            await watch(AT_ONCE)  # what is kept once and for all is kept now
            before_mb = api.rss_mb
            await asyncio.gather(*(watch(WATCHERS // AT_ONCE) for _ in range(AT_ONCE)))
            each_kb = (api.rss_mb - before_mb) * 1024 / WATCHERS
            await asyncio.sleep(2)
            core = await _share_of_core(api.pid)
            assert api.gauges()["open_subscriptions"] == len(opened) == WATCHERS + AT_ONCE
        await until(lambda: api.gauges()["open_connections"] == 0, 20)
        kept_kb = (api.rss_mb - before_mb) * 1024 / WATCHERS
    sys.stdout.write(
        f"\n{WATCHERS} watchers: {each_kb:.0f} KB each, {kept_kb:.0f} KB of it kept afterwards, "
        f"{100 * core:.0f} % of a core, {10**6 * core / WATCHERS:.0f} µs per second each"
    )
    assert each_kb <= MOST_KB
    assert core <= MOST_CORE


async def _share_of_core(pid: int) -> float:
    process = psutil.Process(pid)

    def used() -> float:
        times = process.cpu_times()
        return times.user + times.system

    before = used()
    await asyncio.sleep(SECONDS)
    return (used() - before) / SECONDS
