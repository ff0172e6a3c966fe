"""Two thousand clients of one process watch an athlete: what each costs, and when it is told.

It measures, so it is one of `make test-floods`.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from time import monotonic

import pytest
from redis import Redis

from db.statements.athletes import athlete_change
from jobs.enqueue import publish
from tests import factories as make
from tests.web.api_process import api_process, until
from tests.web.churn import Visit

pytestmark = [pytest.mark.anyio, pytest.mark.floods]

WATCHERS, AT_ONCE, CHANGES = 2000, 50, 5
MOST_KB = 60
MOST_APART_S = 1.0
"""From the first to the last that hears of a change."""
READS = 3 * CHANGES
"""A change takes one, and each of the looks at intervals too."""
QUERY = """subscription($id: ID!) { athleteChanged(athleteId: $id) {
    activities { id name } distances personalBests { elapsedTimeSeconds } isComplete } }"""


async def test_many_watch_one_athlete(settings, tmp_path, db, redis_url):
    person = make.create_person(db)
    runs = [
        make.create_activity(db, person.athlete_id, started_at=make.NOON + timedelta(days=day))
        for day in range(CHANGES)
    ]
    unlimited = {"connections_per_caller": 10_000, "subscriptions_per_caller": 10_000}
    unlimited |= {"cost_refill_user_per_s": 10**6}
    with api_process(settings, tmp_path, **unlimited) as api, Redis.from_url(redis_url) as redis:
        async with asyncio.timeout(240), AsyncExitStack() as stack:
            opened: list[Visit] = []
            stack.callback(lambda: [each.abort() for each in opened])

            async def watch(count: int) -> None:
                host, port = api.address.split(":")
                for _ in range(count):
                    reader, writer = await asyncio.open_connection(host, int(port))
                    visit = Visit(reader, writer, api.address, person.token, person.id, QUERY)
                    await visit.subscribe()
                    opened.append(visit)

            async def change(run: int) -> list[float]:
                """Change a run; gives when each watcher heard of it."""
                values = athlete_change.changes(person.athlete_id, None, activities=[run])
                await asyncio.to_thread(db.execute, athlete_change.record(), values)
                publish(redis, 1, person.athlete_id, 1)
                return await asyncio.gather(*(_heard(each) for each in opened))

            await watch(AT_ONCE)  # what is kept once and for all is kept now
            await until(lambda: api.gauges()["open_subscriptions"] == AT_ONCE, 20)
            await change(runs[0])
            before_mb = api.rss_mb
            await asyncio.gather(*(watch(WATCHERS // AT_ONCE) for _ in range(AT_ONCE)))
            await until(lambda: api.gauges()["open_subscriptions"] == WATCHERS + AT_ONCE, 60)
            each_kb = (api.rss_mb - before_mb) * 1024 / WATCHERS
            await change(runs[0])  # from now on all of them watch: an open one may still begin
            reads = api.gauges()["job_reads_total"]
            apart_s, began_s = [], api.cpu_s
            for run in runs:
                at = await change(run)
                apart_s.append(max(at) - min(at))
            cpu_s = (api.cpu_s - began_s) / CHANGES
            reads = api.gauges()["job_reads_total"] - reads
            told_kb = (api.rss_mb - before_mb) * 1024 / WATCHERS
        await until(lambda: api.gauges()["open_connections"] == 0, 20)
        kept_kb = (api.rss_mb - before_mb) * 1024 / WATCHERS
    print(  # noqa: T201 - what the test is for
        f"\n{WATCHERS} watchers of an athlete: {each_kb:.0f} KB each, {told_kb:.0f} KB after "
        f"{CHANGES} changes, {kept_kb:.0f} KB of it kept afterwards; the last told "
        f"{max(apart_s):.2f} s after the first, {cpu_s:.2f} s of CPU a change, {reads:.0f} reads"
    )
    assert each_kb <= MOST_KB
    assert max(apart_s) <= MOST_APART_S
    assert reads <= READS


async def _heard(visit: Visit) -> float:
    await visit.receive("next")
    return monotonic()
