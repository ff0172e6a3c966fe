"""How much of a server one caller may hold: connections, subscriptions, time, budget."""

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise

import httpx
import pytest
from redis import Redis

from jobs.enqueue import publish
from tests import factories as make
from tests.web.subscriber import ATHLETE_JOBS, JOB, event_stream, web_socket

pytestmark = pytest.mark.anyio

QUERY = "{ __typename }"


def advance(db, redis_url, person):
    """Change the only job, as a worker does."""
    job, version = db.exec_driver_sql("UPDATE jobs SET version = version + 1 RETURNING id, version").one()
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
            f"http://{address}/graphql", json={"query": JOB, "variables": variables}, headers=headers
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
                    await beyond.send(type="connection_init", payload={"Authorization": f"Bearer {person.token}"})
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
        assert "Nothing was asked" in reason
        await asyncio.sleep(1.5)
        await ended(busy, "1")
        assert (await busy.closed())[0] == 1001


async def test_nothing_is_open_for_ever(serving, person, job):
    address = serving(subscription_lifetime_s=1.5)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        socket = await signed_in(stack, address, person.token)
        await follow(socket, "1", job)
        async with event_stream(address, person.token, JOB, id=job) as events:
            seen = [event async for event, _ in events]
        assert seen == ["next", "complete"]
        code, reason = await socket.closed()
    assert code == 1001
    assert "Connect anew" in reason


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
    assert extensions == {"code": "TOO_MANY_OPERATIONS", "retryAfterSeconds": 1}


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
