"""`athleteJobs` begins with what is under way, and misses nothing while a connection is lost."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from db.session import AsyncDatabase
from graph.global_id import encode_id
from graph.scalars import format_instant, parse_instant
from graph.schema.recent_jobs import RecentJobs
from jobs.enqueue import publish
from tests import factories as make
from tests.web.subscriber import event_stream, web_socket

pytestmark = pytest.mark.anyio

JOBS = """subscription($id: ID!, $since: DateTime) {
    athleteJobs(athleteId: $id, since: $since) { id status version } }"""


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def jobs(db, person, now):
    """Two jobs under way, and some that ended, by their names."""
    owner = person.athlete_id
    ended = {"status": "SUCCEEDED", "kind": "STRAVA_WEBHOOK"}
    return {
        "lately": make.create_job(db, owner, finished_at=now - timedelta(seconds=5), **ended),
        "long ago": make.create_job(db, owner, finished_at=now - timedelta(hours=1), **ended),
        "waiting": make.create_job(db, owner, status="WAITING", kind="STRAVA_SYNC"),
        "running": make.create_job(db, owner, status="RUNNING", kind="AGE_GRADES"),
        "another's": make.create_job(db, make.create_person(db).athlete_id, status="RUNNING"),
    }


async def taken(socket, jobs, count):
    names = {encode_id("Job", number): name for name, number in jobs.items()}
    return [names[(await socket.next())["athleteJobs"]["id"]] for _ in range(count)]


async def test_it_begins_with_the_jobs_under_way(address, person, jobs, db, redis_url):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOBS, id=person.id)
        assert await taken(socket, jobs, 2) == ["waiting", "running"]
        new = make.create_job(db, person.athlete_id, status="QUEUED", kind="IMPORT")
        with Redis.from_url(redis_url) as redis:
            publish(redis, new, person.athlete_id, 0)
            publish(redis, new, person.athlete_id, 0)  # no news
            publish(redis, jobs["running"], person.athlete_id, 0)
        assert await taken(socket, jobs | {"new": new}, 1) == ["new"]
        db.exec_driver_sql(f"UPDATE jobs SET version = version + 1 WHERE id = {jobs['waiting']}")
        with Redis.from_url(redis_url) as redis:
            publish(redis, jobs["waiting"], person.athlete_id, 1)
        assert await taken(socket, jobs, 1) == ["waiting"]


async def test_since_adds_the_jobs_that_ended_meanwhile(address, person, jobs, now):
    for since, first in (
        (now - timedelta(seconds=30), ["lately"]),
        (now - timedelta(hours=2), ["lately", "long ago"]),
        (now + timedelta(hours=1), []),
    ):
        async with asyncio.timeout(20), web_socket(address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOBS, id=person.id, since=format_instant(since))
            expected = [*first, "waiting", "running"]
            assert await taken(socket, jobs, len(expected)) == expected


async def test_what_was_lost_on_the_way_is_found_without_news(address, person, jobs, db):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOBS, id=person.id)
        await taken(socket, jobs, 2)
        db.exec_driver_sql(
            "UPDATE jobs SET status = 'SUCCEEDED', version = version + 1, finished_at = now(), "
            f"lease_until = NULL WHERE id = {jobs['running']}"
        )
        assert (await socket.next())["athleteJobs"]["status"] == "SUCCEEDED"


async def test_an_event_stream_goes_on_after_its_last_event(address, person, jobs, db):
    ids = []
    async with (
        asyncio.timeout(20),
        event_stream(address, person.token, JOBS, ids=ids, id=person.id) as events,
    ):
        for _ in range(2):
            await anext(events)
    assert len(ids) == 2
    assert abs(parse_instant(ids[-1]) - datetime.now(UTC)) < timedelta(seconds=20)
    db.exec_driver_sql(
        "UPDATE jobs SET status = 'SUCCEEDED', version = version + 1, finished_at = now(), "
        f"lease_until = NULL WHERE id = {jobs['running']}"
    )
    seen = {}
    async with (
        asyncio.timeout(20),
        event_stream(address, person.token, JOBS, last_event_id=ids[-1], id=person.id) as events,
    ):
        while (
            len(seen.keys() & {encode_id("Job", jobs[each]) for each in ("running", "waiting")}) < 2
        ):
            _, event = await anext(events)
            seen[event["data"]["athleteJobs"]["id"]] = event["data"]["athleteJobs"]["status"]
    assert seen[encode_id("Job", jobs["running"])] == "SUCCEEDED"
    assert seen[encode_id("Job", jobs["waiting"])] == "WAITING"
    assert encode_id("Job", jobs["long ago"]) not in seen


@pytest.mark.parametrize("last", ["", "7", "soon", "2026-11-29T10:00:00"])
async def test_an_id_of_something_else_is_no_position(address, person, jobs, last):
    async with (
        asyncio.timeout(20),
        event_stream(address, person.token, JOBS, last_event_id=last, id=person.id) as events,
    ):
        _, event = await anext(events)
    assert event["data"]["athleteJobs"]["id"] == encode_id("Job", jobs["waiting"])


async def test_the_time_of_a_look_is_known(settings, db, person, jobs, now):
    database = AsyncDatabase(settings, application_name="pacegraph-test")
    found = await RecentJobs(database).recent(person.athlete_id, now - timedelta(minutes=1))
    assert [each.job_id for each in found.jobs] == [
        jobs[name] for name in ("lately", "waiting", "running")
    ]
    assert found.work.take_transactions() == 1
    await database.close()
