"""What each flag does in the API, switched while it serves: one after the other, for some, and all
of them off.
"""

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis import Redis

from flags.rollout import ON, Rollout
from flags.switches import Flag
from graph.global_id import encode_id
from jobs.enqueue import publish
from tests import factories as make
from tests.graph.api import serve
from tests.switched import switched
from tests.web.limits.conftest import until
from tests.web.subscriber import JOB, event_stream, web_socket

pytestmark = pytest.mark.anyio

OWN = "{ viewer { athlete { id firstName activities(first: 3) { totalCount nodes { name distanceMeters } } } } }"
OTHER = "query($id: ID!) { athlete(id: $id) { firstName activities { nodes { name } } } }"
SMALL = {"cost_limit": 4, "cost_bucket_user": 20}
TIGHT = {"request_bucket_ip": 3, "request_refill_ip_per_s": 1e-6}


@pytest.fixture
def person(db):
    person = make.create_person(db)
    for _ in range(3):
        make.create_activity(db, person.athlete_id)
    return person


@pytest.fixture
def shown(db):
    """Somebody who agreed to be seen."""
    person = make.create_person(db, shares=True, first_name="Ana")
    make.create_activity(db, person.athlete_id, name="Seen by all", visibility="EVERYONE")
    return person


def flags_of(api):
    return api.app.state.services.flags


def named(person, **rollout) -> Rollout:
    return Rollout(0, on_for=frozenset({f"athlete:{person.athlete_id}"}), **rollout)


async def test_planned_execution(api, person):
    planner = api.app.state.services.planner
    expected = (await api.answer(OWN, person.token))["data"]
    for is_on, planned in ((False, 0), (True, 1), (False, 0)):
        before = planner.planned
        with switched(flags_of(api), planned_execution=is_on, resolver_cache=False):
            assert (await api.answer(OWN, person.token))["data"] == expected
        assert planner.planned - before == planned


async def test_resolver_cache(api, db, person):
    counts = api.app.state.services.cache.counts
    with switched(flags_of(api), resolver_cache=False):
        for _ in range(2):
            await api.answer(OWN, person.token)
        assert not counts
    for _ in range(2):
        await api.answer(OWN, person.token)
    assert counts == {"miss": 1, "memory": 1}
    with switched(flags_of(api), resolver_cache=False):
        db.exec_driver_sql("UPDATE athletes SET first_name = 'Maria'")
        changed = await api.answer(OWN, person.token)
        assert changed["data"]["viewer"]["athlete"]["firstName"] == "Maria"
    assert await api.answer(OWN, person.token) != {}
    assert (await api.answer(OWN, person.token))["data"] == changed["data"], (
        "what was kept before is not shown again"
    )


async def test_cost_limiting(settings, person, caplog):
    small = settings.model_copy(update={**SMALL, "cost_refill_user_per_s": 1e-6})
    async with serve(small) as api:
        assert (await api.error(OWN, person.token))["code"] == "COST_LIMIT_EXCEEDED"
        budgets = api.app.state.services.budgets
        with switched(flags_of(api), cost_limiting=False):
            for _ in range(6):
                assert "errors" not in await api.answer(OWN, person.token)
        assert budgets.would_be_refused > 1
        messages = [each.message for each in caplog.records if "would be refused" in each.message]
        assert {"caller's budget" in each for each in messages} == {True, False}, (
            "for the limit, and for the budget"
        )
        assert budgets.refused == 0
        assert (await api.answer(OWN, person.token))["errors"][0]["extensions"][
            "code"
        ] == "COST_LIMIT_EXCEEDED"
        sent = [await api.post("{ viewer { athlete { id } } }", person.token) for _ in range(11)]
        assert sent[-1].status_code == 429, "each costs 2 of at most 20"
        with switched(
            flags_of(api),
            cost_limiting=Rollout(off_for=frozenset({f"athlete:{person.athlete_id}"})),
        ):
            assert "errors" not in await api.answer(OWN, person.token)


async def test_report_mode_is_the_flags_default_and_may_be_overruled(settings, person):
    async with serve(settings.model_copy(update={**SMALL, "cost_mode": "report"})) as api:
        assert "errors" not in await api.answer(OWN, person.token)
        with switched(flags_of(api), cost_limiting=True):
            assert (await api.error(OWN, person.token))["code"] == "COST_LIMIT_EXCEEDED"


async def test_rate_limiting_of_requests(settings):
    async with serve(settings.model_copy(update=TIGHT)) as api:
        statuses = [(await api.post("{ __typename }")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        with switched(flags_of(api), rate_limiting=False):
            statuses = [(await api.post("{ __typename }")).status_code for _ in range(5)]
            assert statuses == [200] * 5
            assert (await api.http.get("/metrics")).status_code == 200
        assert (await api.post("{ __typename }")).status_code == 429
        with switched(
            flags_of(api), rate_limiting=Rollout(off_for=frozenset({"address:127.0.0.1"}))
        ):
            assert (await api.post("{ __typename }")).status_code == 200


async def test_rate_limiting_of_operations_at_once(settings, person):
    one = {"concurrent_operations": 1, "waiting_operations": 0, "planned_execution": "off"}
    async with serve(settings.model_copy(update=one)) as api:

        async def many() -> set[int]:
            answers = await asyncio.gather(*(api.post(OWN, person.token) for _ in range(8)))
            return {each.status_code for each in answers}

        await api.post(OWN, person.token)
        assert await many() == {200, 429}
        queue = api.app.state.services.limits.fair_queue
        with switched(flags_of(api), rate_limiting=False):
            assert await many() == {200}
        assert queue.under_way == 0
        assert await many() == {200, 429}


async def test_who_waits_in_line_goes_on_when_there_is_no_line_any_more(settings):
    one = {"concurrent_operations": 1, "operation_wait_s": 30}
    async with serve(settings.model_copy(update=one)) as api:
        queue = api.app.state.services.limits.fair_queue
        queue.try_acquire("address:127.0.0.1")  # one that takes long
        waiting = [asyncio.create_task(api.post("{ __typename }")) for _ in range(3)]
        await until(lambda: queue.waiting == 3)
        with switched(flags_of(api), rate_limiting=False):
            async with asyncio.timeout(2):
                assert [(await each).status_code for each in waiting] == [200] * 3
        assert (queue.under_way, queue.waiting) == (1, 0)


async def test_rate_limiting_of_streams(served, db, person):
    job = encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
    api = served(
        connections_per_caller=1, subscriptions_per_caller=1, subscriptions_per_connection=1
    )
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await stack.enter_async_context(web_socket(api.address))
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOB, "1", id=job)
        await socket.next()
        await socket.subscribe(JOB, "2", id=job)
        assert await socket.error_code() == "TOO_MANY_SUBSCRIPTIONS"
        await api.switch(Flag.RATE_LIMITING, is_on=False)
        for number in ("3", "4", "5"):
            await socket.subscribe(JOB, number, id=job)
            await socket.next()
        other = await stack.enter_async_context(web_socket(api.address))
        await other.begin(Authorization=f"Bearer {person.token}")
        events = await stack.enter_async_context(
            event_stream(api.address, person.token, JOB, id=job)
        )
        assert (await anext(events))[1]["data"]["jobUpdated"]["version"] == 1
        await api.switch(Flag.RATE_LIMITING, is_on=True)
        await socket.subscribe(JOB, "6", id=job)
        assert await socket.error_code() == "TOO_MANY_SUBSCRIPTIONS"


async def test_sharing(api, person, shown):
    unseen = {"athlete": None}
    seen = {"athlete": {"firstName": "Ana", "activities": {"nodes": [{"name": "Seen by all"}]}}}
    for _ in range(2):
        assert await api.ask(OTHER, person.token, id=shown.id) == unseen
        with switched(flags_of(api), sharing=True):
            for _ in range(2):  # the second is from the cache
                assert await api.ask(OTHER, person.token, id=shown.id) == seen
            assert await api.ask(OTHER, None, id=shown.id) == unseen
        assert await api.ask(OTHER, person.token, id=shown.id) == unseen, (
            "at once, whatever the cache has"
        )
    with switched(flags_of(api), sharing=named(person)):
        assert await api.ask(OTHER, person.token, id=shown.id) == seen
        assert await api.ask(OTHER, shown.token, id=person.id) == unseen


async def test_a_stream_that_is_open_goes_by_the_flags_of_now(served, person, shown):
    api = served()
    async with asyncio.timeout(20), web_socket(api.address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        for number, is_on in enumerate((False, True, False, True)):
            await api.switch(Flag.SHARING, is_on=is_on)
            await socket.subscribe(OTHER, str(number), id=shown.id)
            assert ((await socket.next())["athlete"] is not None) == is_on
            assert (await socket.receive())["type"] == "complete"
        await asyncio.sleep(2.5)  # it looks at the credentials meanwhile
        await socket.subscribe(OTHER, "last", id=shown.id)
        assert (await socket.next())["athlete"] is not None


@asynccontextmanager
async def events_over_websocket(address, token, job):
    """Gives what gets the next event, as it was sent."""
    async with web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {token}")
        await socket.subscribe(JOB, "1", id=job)
        yield socket.receive


@asynccontextmanager
async def events_of_stream(address, token, job):
    async with event_stream(address, token, JOB, id=job) as events:
        yield lambda: anext(events)


@pytest.mark.parametrize("events", [events_over_websocket, events_of_stream])
async def test_an_event_of_a_subscription_is_charged_by_the_flag_of_now(
    served, db, person, redis_url, events
):
    job_id = make.create_job(db, person.athlete_id, status="RUNNING", version=1)
    api = served(cost_bucket_user=3, cost_refill_user_per_s=1e-6)

    def advance() -> None:
        version = db.exec_driver_sql(
            "UPDATE jobs SET version = version + 1 RETURNING version"
        ).scalar_one()
        with Redis.from_url(redis_url) as redis:
            publish(redis, job_id, person.athlete_id, version)

    await api.switch(Flag.COST_LIMITING, is_on=False)
    async with (
        asyncio.timeout(30),
        events(api.address, person.token, encode_id("Job", job_id)) as receive,
    ):
        for version in range(1, 8):
            assert f"'version': {version}," in str(await receive())
            if version < 7:
                advance()
        await api.switch(Flag.COST_LIMITING, is_on=True)
        advance()
        assert "RATE_LIMITED" in str(await receive())


async def test_with_all_of_them_off_reads_are_served_and_right(api, db, person, shown):
    queries = [
        OWN,
        "{ about: __typename viewer { scopes } }",
        "{ __schema { queryType { name } } }",
    ]
    expected = [await api.ask(query, person.token) for query in queries]
    with switched(flags_of(api), **{flag.value.replace("-", "_"): False for flag in Flag}):
        for query, data in zip(queries, expected, strict=True):
            assert (await api.answer(query, person.token))["data"] == data
        assert await api.answer(OTHER, person.token, id=shown.id) | {"extensions": 0} == {
            "data": {"athlete": None}, "extensions": 0,
        }  # fmt: skip
        assert (await api.http.get("/readyz")).status_code == 200
        started = await api.answer(
            "mutation($id: ID!) { syncStrava(input: {athleteId: $id}) { job { status } userErrors { code } } }",
            person.token, id=person.id,
        )  # fmt: skip
        assert started["data"]["syncStrava"] == {
            "job": None,
            "userErrors": [{"code": "NOT_CONNECTED"}],
        }


async def test_with_all_of_them_on_reads_are_the_same(api, person):
    expected = (await api.answer(OWN, person.token))["data"]
    with switched(flags_of(api), **{flag.value.replace("-", "_"): ON for flag in Flag}):
        assert (await api.answer(OWN, person.token))["data"] == expected


async def test_metrics_tell_each_flags_state(api):
    with switched(flags_of(api), sharing=Rollout(25), rate_limiting=False):
        text = (await api.http.get("/metrics")).text
    assert 'pacegraph_feature_flag{flag="sharing",source="redis"} 25.0' in text
    assert 'pacegraph_feature_flag{flag="rate-limiting",source="redis"} 0.0' in text
    assert 'pacegraph_feature_flag{flag="planned-execution",source="settings"} 100.0' in text
    assert "pacegraph_feature_flag_changes_total 2.0" in text


async def test_a_change_is_logged_by_the_process_that_heeds_it(api, caplog):
    caplog.set_level(logging.INFO)
    with switched(flags_of(api), sharing=True):
        assert [each.flag for each in caplog.records if each.message == "a flag changed"] == [
            "sharing"
        ]
