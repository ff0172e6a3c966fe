"""How much of a server one caller may hold: connections, subscriptions, time, budget."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from itertools import pairwise

import httpx
import pytest
from redis import Redis

from jobs.enqueue import publish
from tests import factories as make
from tests.error_links import unlinked
from tests.web.subscriber import ATHLETE_JOBS, JOB, event_stream, web_socket

pytestmark = pytest.mark.anyio

QUERY = "{ __typename }"


def advance(db, redis_url, person):
    """Change the only job, as a worker does."""
    job, version = db.exec_driver_sql(
        "UPDATE jobs SET version = version + 1 RETURNING id, version"
    ).one()
    with Redis.from_url(redis_url) as redis:
        publish(redis, job, person.athlete_id, version)
    return version


async def signed_in(stack, address, token):
    socket = await stack.enter_async_context(web_socket(address))
    await socket.begin(Authorization=f"Bearer {token}")
    return socket


async def follow(socket, number, job):
    await socket.subscribe(JOB, number, id=job)
    await socket.next()


async def ended(socket, number):
    """Complete a subscription, and wait until the server has heard."""
    await socket.send(type="complete", id=number)
    await socket.send(type="ping")
    assert (await socket.receive())["type"] == "pong"


async def test_subscriptions_of_a_connection(serving, person, job):
    address = serving(subscriptions_per_connection=2)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await follow(socket, "1", job)
        await follow(socket, "2", job)
        await socket.subscribe(JOB, "3", id=job)
        assert await socket.error_code() == "TOO_MANY_SUBSCRIPTIONS"
        await socket.subscribe(QUERY, "query")  # is none
        await socket.next()
        await socket.receive()
        await ended(socket, "1")
        await follow(socket, "3", job)
        await follow(await signed_in(stack, address, person.token), "1", job)


async def test_what_is_under_way_on_a_connection_has_a_bound(serving, db, person):
    address = serving(subscriptions_per_connection=2)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        with db.engine.execution_options(isolation_level="READ COMMITTED").begin() as lock:
            lock.exec_driver_sql("LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
            for number in range(5):
                await socket.subscribe("{ viewer { athlete { id city } } }", str(number))
            assert await socket.error_code() == "TOO_MANY_SUBSCRIPTIONS"
        kinds = [(await socket.receive())["type"] for _ in range(8)]
    assert sorted(kinds) == ["complete"] * 4 + ["next"] * 4


async def test_subscriptions_of_a_caller(serving, db, person, job):
    address = serving(subscriptions_per_caller=2)
    other = make.create_admin(db)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        one = await signed_in(stack, address, person.token)
        another = await signed_in(stack, address, person.token)
        await follow(one, "1", job)
        await follow(another, "1", job)
        await another.subscribe(JOB, "2", id=job)
        assert await another.error_code() == "TOO_MANY_SUBSCRIPTIONS"
        async with event_stream(address, person.token, JOB, id=job) as events:
            _, data = await anext(events)
            assert data["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await follow(await signed_in(stack, address, other.token), "1", job)
        await ended(one, "1")
        await follow(another, "2", job)


async def post_stream(address, token, **variables):
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(
            f"http://{address}/graphql",
            json={"query": JOB, "variables": variables},
            headers=headers,
        )


async def test_connections_of_a_caller(serving, db, person, job):
    address = serving(connections_per_caller=2)
    other = make.create_admin(db)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        for _ in range(3):  # places that were left are free again
            async with event_stream(address, person.token, JOB, id=job) as events:
                await anext(events)
                await signed_in(stack, address, person.token)
                async with web_socket(address) as beyond:
                    await beyond.send(
                        type="connection_init", payload={"Authorization": f"Bearer {person.token}"}
                    )
                    code, reason = await beyond.closed()
                assert code == 1013
                assert "2 WebSockets and event streams open" in reason
                refused = await post_stream(address, person.token, id=job)
                assert refused.status_code == 429
                assert refused.headers["retry-after"]
                assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_CONNECTIONS"
                await signed_in(stack, address, other.token)
            await stack.aclose()
            await asyncio.sleep(0.2)


async def test_who_has_not_begun_is_counted_by_address(serving, person):
    address = serving(connections_per_caller=2)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        first, _ = [await stack.enter_async_context(web_socket(address)) for _ in range(2)]
        third = await stack.enter_async_context(web_socket(address))
        assert (await third.closed())[0] == 1013
        await first.begin(Authorization=f"Bearer {person.token}")
        await stack.enter_async_context(web_socket(address))


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(serving, person, job):
    address = serving(subscription_idle_s=1)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        busy = await signed_in(stack, address, person.token)
        await follow(busy, "1", job)
        idle = await signed_in(stack, address, person.token)
        code, reason = await idle.closed()
        assert code == 1001
        assert "No operation ran" in reason
        await asyncio.sleep(1.5)
        await ended(busy, "1")
        assert (await busy.closed())[0] == 1001


async def test_nothing_is_open_for_ever(serving, person, job):
    address = serving(subscription_lifetime_s=1.5)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await follow(socket, "1", job)
        async with event_stream(address, person.token, JOB, id=job) as events:
            assert (await anext(events))[0] == "next"
            with pytest.raises(httpx.RemoteProtocolError):  # "complete" would keep clients away
                await anext(events)
        code, reason = await socket.closed()
    assert code == 1001
    assert "Connect again" in reason


async def test_each_event_is_paid_for(serving, db, person, job, redis_url):
    address = serving(cost_bucket_user=12, cost_refill_user_per_s=0.001)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await socket.subscribe(JOB, id=job)
        remaining = []
        while (message := await socket.receive())["type"] == "next":
            remaining.append(message["payload"]["extensions"]["cost"]["remaining"])
            advance(db, redis_url, person)
    costs = {before - after for before, after in pairwise(remaining)}
    assert len(costs) == 1
    assert costs.pop() > 0
    [error] = message["payload"]
    assert message["type"] == "error"
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["retryAfterSeconds"] > 0


async def test_an_athletes_jobs_are_paid_for_too(serving, db, person, job, redis_url):
    address = serving(cost_bucket_user=6, cost_refill_user_per_s=0.001)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await socket.subscribe(ATHLETE_JOBS, id=person.id)
        await asyncio.sleep(0.5)
        for _ in range(10):
            advance(db, redis_url, person)
            message = await socket.receive()
            if message["type"] != "next":
                break
    assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_an_operation_without_a_turn_is_told_so(serving, db, person):
    address = serving(concurrent_operations=1, waiting_operations=0)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        with db.engine.execution_options(isolation_level="READ COMMITTED").begin() as lock:
            lock.exec_driver_sql("LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
            for number in range(2):
                await socket.subscribe("{ viewer { athlete { id city } } }", str(number))
            refused = await socket.receive()
        await socket.receive()
    assert refused["type"] == "error"
    extensions = refused["payload"][0]["extensions"]
    assert unlinked(extensions) == {"code": "TOO_MANY_OPERATIONS", "retryAfterSeconds": 1}


async def test_long_requests_in_progress_are_bounded_by_their_memory(serving, db, person, job):
    """However few bytes of JSON they have: subscriptions live long, and operations may wait."""
    address = serving(concurrent_operations=1, waiting_operations=1000)
    much = {"unused": [{}] * 4000}  # nearly 1 MB each, as estimated; 8 MiB may be in progress
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await socket.subscribe(JOB, "subscription", id=job, **much)
        await socket.next()
        with db.engine.execution_options(isolation_level="READ COMMITTED").begin() as lock:
            lock.exec_driver_sql("LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
            for number in range(40):
                await socket.subscribe("{ viewer { athlete { id city } } }", str(number), **much)
            refused = await socket.receive()
            await socket.subscribe(QUERY, "small")  # it waits, with the others
        assert refused["type"] == "error"
        extensions = refused["payload"][0]["extensions"]
        assert unlinked(extensions) == {"code": "TOO_MANY_OPERATIONS", "retryAfterSeconds": 1}
        messages = [await socket.receive()]
        while messages[-1] != {"type": "complete", "id": "small"}:
            messages.append(await socket.receive())
        kinds = Counter(each["type"] for each in messages)
        assert 30 < kinds["error"] + 1 < 36
        assert kinds["next"] + kinds["error"] + 1 == 41
        await socket.subscribe(QUERY, "again", **much)
        await socket.next()


async def test_messages_count_as_requests(serving, person):
    address = serving(request_bucket_ip=30, request_refill_ip_per_s=0.001)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        for number in range(40):
            await socket.subscribe(QUERY, str(number))
            if (message := await socket.receive())["type"] == "error":
                break
            await socket.receive()
    extensions = message["payload"][0]["extensions"]
    assert extensions["code"] == "RATE_LIMITED"
    assert extensions["retryAfterSeconds"] > 1
    assert 20 < number < 31


async def test_the_first_event_pays_for_the_beginning(serving, person, job):
    address = serving(cost_per_database_ms=40)
    async with asyncio.timeout(20):
        answer = await first_event(address, person.token, JOB, id=job)
    cost = answer["extensions"]["cost"]
    assert cost["actual"] + cost["work"] >= 3 * 40
    assert cost["actual"] == cost["requested"] == 2


TOTAL = "query($id: ID!) { athlete(id: $id) { activities { totalCount } } }"
NO_TIME = {
    "database_time_user_ms": 1,
    "database_time_refill_user_ms_per_s": 0.01,
    "cost_per_database_ms": 0,
}


async def test_time_in_the_database_is_refused_on_a_websocket_too(serving, person, job):
    address = serving(**NO_TIME, cache="off", planned_execution="off", operation_database_time_s=60)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        for number in range(100):
            await socket.subscribe(TOTAL, str(number), id=person.id)
            if (message := await socket.receive())["type"] == "error":
                break
            await socket.receive()
        told = [message]
        await socket.subscribe(JOB, "job", id=job)
        told.append(await socket.receive())
    for message in told:
        assert message["type"] == "error"
        extensions = message["payload"][0]["extensions"]
        assert extensions["code"] == "DATABASE_TIME_EXHAUSTED"
        assert extensions["retryAfterSeconds"] > 0


async def test_time_in_the_database_is_refused_on_an_event_stream_too(serving, person, job):
    address = serving(**NO_TIME, cache="off", planned_execution="off", operation_database_time_s=60)
    async with asyncio.timeout(20):
        for _ in range(100):
            answer = await first_event(address, person.token, TOTAL, id=person.id)
            if "errors" in answer:
                break
        told = [answer, await first_event(address, person.token, JOB, id=job)]
    for answer in told:
        assert "data" not in answer
        extensions = answer["errors"][0]["extensions"]
        assert extensions["code"] == "DATABASE_TIME_EXHAUSTED"
        assert extensions["retryAfterSeconds"] > 0


async def test_a_stream_ends_when_its_caller_has_no_time_left(serving, db, person, job, redis_url):
    """Events of a subscription are refused as operations are, whoever used the time."""
    address = serving(**NO_TIME, cache="off", planned_execution="off", operation_database_time_s=60)
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await socket.subscribe(JOB, "job", id=job)
        message = await socket.receive()
        events = await stack.enter_async_context(event_stream(address, person.token, JOB, id=job))
        _, answer = await anext(events)
        while message["type"] == "next" or "errors" not in answer:
            await first_event(address, person.token, TOTAL, id=person.id)
            advance(db, redis_url, person)
            if message["type"] == "next":
                message = await socket.receive()
            if "errors" not in answer:
                _, answer = await anext(events)
        assert [name async for name, _ in events] == ["complete"]
    assert message["type"] == "error"
    for error in (*message["payload"], *answer["errors"]):
        assert error["extensions"]["code"] == "DATABASE_TIME_EXHAUSTED"


async def first_event(address, token, query, **variables):
    """Get the data of an event stream's first event."""
    async with event_stream(address, token, query, **variables) as events:
        _, answer = await anext(events)
        return answer
