"""`athleteChanged` tells what changed of activities and bests, once for all, and misses nothing."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis import Redis
from sqlalchemy import event

from db.session import AsyncDatabase
from db.statements.athletes import athlete_change
from graph.global_id import encode_id
from graph.scalars import format_instant
from graph.schema.recent_changes import RecentChanges
from jobs.enqueue import publish
from tests import factories as make
from tests.web.conftest import listening
from tests.web.subscriber import event_stream, web_socket
from web import create_app

pytestmark = pytest.mark.anyio

CHANGES = """subscription($id: ID!, $since: DateTime) { athleteChanged(athleteId: $id, since: $since) {
    activities { id name notes } deletedActivityIds distances personalBests { elapsedTimeSeconds }
    isComplete changedAt } }"""
EXCLUDE = """mutation($id: ID!) { updateActivity(input: {activityId: $id, excluded: true, notes: "n"}) {
    userErrors { code } } }"""
DELETE = """mutation($id: ID!) { deleteActivity(input: {activityId: $id}) { deletedActivityId } }"""


class Runner:
    """An athlete with two runs, of which the second has the best over 5 km."""

    def __init__(self, db, person) -> None:
        self.db, self.person = db, person
        self.rows = []
        for day, elapsed_s in enumerate((1300.0, 1200.0)):
            moment = make.NOON + timedelta(days=day)
            self.rows.append(make.create_activity(db, person.athlete_id, started_at=moment))
            make.create_best_effort(db, self.rows[-1], elapsed_s=elapsed_s)
        make.recalculate_bests(db, person.athlete_id)
        self.slow, self.fast = (encode_id("Activity", each) for each in self.rows)

    def note(self, **changed) -> None:
        """As a job does."""
        values = athlete_change.changes(self.person.athlete_id, None, **changed)
        self.db.execute(athlete_change.record(), values)


@pytest.fixture
def runner(db, person) -> Runner:
    return Runner(db, person)


async def mutate(address, token, query, activity) -> dict:
    async with httpx.AsyncClient() as http:
        body = {"query": query, "variables": {"id": activity}}
        headers = {"authorization": f"Bearer {token}"}
        answer = (await http.post(f"http://{address}/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def watch(socket, person, **variables) -> None:
    await socket.begin(Authorization=f"Bearer {person.token}")
    await socket.subscribe(CHANGES, id=person.id, **variables)


async def next_of(socket) -> dict:
    return (await socket.next())["athleteChanged"]


async def test_an_edit_by_another_client_is_told_with_the_bests(address, person, runner):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await watch(socket, person)
        await asyncio.sleep(0.5)  # it watches from now on
        await mutate(address, person.token, EXCLUDE, runner.fast)
        change = await next_of(socket)
        assert [(each["id"], each["notes"]) for each in change["activities"]] == [
            (runner.fast, "n")
        ]
        assert (change["distances"], change["personalBests"]) == (
            ["KM5"], [{"elapsedTimeSeconds": 1300}],
        )  # fmt: skip
        assert (change["deletedActivityIds"], change["isComplete"]) == ([], True)
        await mutate(address, person.token, DELETE, runner.slow)
        change = await next_of(socket)
        assert (change["deletedActivityIds"], change["activities"]) == ([runner.slow], [])
        assert (change["distances"], change["personalBests"]) == (["KM5"], [])


OF_ATHLETE = """subscription($id: ID!) { athleteChanged(athleteId: $id) { athlete { displayName
    gear { name } heartRateZones(on: "2026-03-01") { lowestBeatsPerMinute } }
    activities { id } isComplete } }"""
RENAME = "mutation($id: ID!) { updateGear(input: {gearId: $id, name: %s}) { userErrors { code } } }"
ZONES = """mutation($id: ID!) { updateAthlete(input: {athleteId: $id, lastName: "New",
    heartRateZones: {validFrom: "2026-01-01", lowestBeatsPerMinute: [0, 140]}}) { userErrors { code } } }"""


async def test_an_edit_of_the_athletes_own_data_is_told(address, db, person, runner):
    gear = encode_id("Gear", make.create_gear(db, person.athlete_id, name="Old"))
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(OF_ATHLETE, id=person.id)
        await asyncio.sleep(0.5)
        await mutate(address, person.token, RENAME % '"Fast"', gear)
        change = await next_of(socket)
        assert change["athlete"]["gear"] == [{"name": "Fast"}]
        assert (change["activities"], change["isComplete"]) == ([], True)
        await mutate(address, person.token, ZONES, person.id)
        athlete = (await next_of(socket))["athlete"]
        assert athlete["displayName"].endswith(" New")
        assert [each["lowestBeatsPerMinute"] for each in athlete["heartRateZones"]] == [0, 140]
        await mutate(address, person.token, EXCLUDE, runner.slow)
        assert (await next_of(socket))["athlete"] is None


async def test_a_job_of_a_worker_is_told_also_if_its_news_are_lost(
    address, person, runner, redis_url
):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await watch(socket, person)
        await asyncio.sleep(0.5)
        runner.note(activities=runner.rows[:1])
        with Redis.from_url(redis_url) as redis:
            publish(redis, 1, person.athlete_id, 1)
        assert [each["id"] for each in (await next_of(socket))["activities"]] == [runner.slow]
        runner.note(activities=runner.rows[1:])
        assert [each["id"] for each in (await next_of(socket))["activities"]] == [runner.fast]


async def test_since_finds_what_was_missed_and_says_where_it_does_not(address, person, runner):
    runner.note(activities=runner.rows[:1])
    runner.note(activities=range(2**62, 2**62 + 300), deleted=[runner.rows[1]])
    now = datetime.now(UTC)
    for since, is_complete in ((now, False), (now - timedelta(days=30), False)):
        async with asyncio.timeout(20), web_socket(address) as socket:
            await watch(socket, person, since=format_instant(since))
            change = await next_of(socket)
            assert change["isComplete"] is is_complete
            assert change["deletedActivityIds"] == [runner.fast]


async def test_an_event_stream_goes_on_after_its_last_event(address, person, runner):
    runner.note(activities=runner.rows[:1])
    ids: list[str] = []
    query = {"id": person.id, "since": format_instant(datetime.now(UTC))}
    async with (
        asyncio.timeout(20),
        event_stream(address, person.token, CHANGES, ids=ids, **query) as events,
    ):
        await anext(events)
    runner.note(activities=runner.rows[1:])
    async with (
        asyncio.timeout(20),
        event_stream(address, person.token, CHANGES, last_event_id=ids[-1], id=person.id) as events,
    ):
        _, event = await anext(events)
    change = event["data"]["athleteChanged"]
    assert [each["id"] for each in change["activities"]] == [runner.fast]  # no event twice
    assert change["isComplete"] is True


async def test_one_read_serves_all_subscribers_with_all_that_they_select(
    settings, db, person, runner
):
    app, admin = create_app(settings), make.create_admin(db)
    query = "subscription($id: ID!) { athleteChanged(athleteId: $id) { activities { laps { totalCount } } } }"
    with listening(app) as address:
        services, laps = app.state.services, []
        event.listen(
            services.database.engine.sync_engine,
            "before_cursor_execute",
            lambda *given: laps.append(given[2]) if "activity_laps" in given[2] else None,
        )
        async with asyncio.timeout(30), AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(web_socket(address)) for _ in range(20)]
            for number, each in enumerate(sockets):
                await each.begin(Authorization=f"Bearer {(person, admin)[number % 2].token}")
                await each.subscribe(query, id=person.id)
            await asyncio.sleep(0.5)
            before = services.job_feeds.reads
            await mutate(address, person.token, EXCLUDE, runner.fast)
            for each in sockets:
                assert (await next_of(each))["activities"] == [{"laps": {"totalCount": 0}}]
            assert services.job_feeds.reads - before <= 2  # one, and one at intervals
            assert len(laps) == 4  # pages and totals, once for the person and once for the admin


async def test_an_event_is_charged_for_what_it_has(address, person, runner):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await watch(socket, person)
        await asyncio.sleep(0.5)
        for excluded in (runner.fast, runner.slow):
            await mutate(address, person.token, EXCLUDE, excluded)
            payload = (await socket.receive())["payload"]
            change, cost = payload["data"]["athleteChanged"], payload["extensions"]["cost"]
            has = 1 + len(change["activities"]) + len(change["personalBests"])
            assert (cost["requested"], cost["actual"]) == (37, has)


async def test_the_time_of_a_read_is_known_and_its_rows_are_bounded(settings, person, runner):
    for _ in range(201):
        runner.note(activities=runner.rows)
    database = AsyncDatabase(settings, application_name="pacegraph-test")
    reads = RecentChanges(database)
    since = datetime.now(UTC) - timedelta(minutes=5)
    position, change = await reads.find((person.athlete_id, since))
    assert (len(change.activities), change.is_complete) == (2, False)
    assert change.work.take_transactions() == 4  # its end, changes, activities and bests
    assert await reads.find((person.athlete_id, position)) == (position, None)
    await database.close()


async def test_only_the_athlete_and_admins_may_watch(address, db, person, runner):
    stranger, admin = make.create_person(db), make.create_admin(db)
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {stranger.token}")
        await socket.subscribe(CHANGES, id=person.id)
        [error] = (await socket.receive())["payload"]
        assert error["extensions"]["code"] == "NOT_FOUND"
        assert error["extensions"]["coordinate"] == "Subscription.athleteChanged(athleteId:)"
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {admin.token}")
        runner.note(activities=runner.rows[:1])
        await socket.subscribe(CHANGES, id=person.id, since=format_instant(datetime.now(UTC)))
        assert [each["id"] for each in (await next_of(socket))["activities"]] == [runner.slow]
