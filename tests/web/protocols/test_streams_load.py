"""Streams of a real process: slow readers, lost clients, a Redis that comes back, thousands who
come and go.
"""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from pydantic import SecretStr
from redis import Redis
from websockets.asyncio.client import connect

from graph.global_id import encode_id
from jobs.enqueue import CHANNEL, publish
from local.redis import start_redis
from tests import factories as make
from tests.web.api_process import api_process, until
from tests.web.churn import assert_nothing_is_left
from tests.web.subscriber import JOB, Socket, web_socket

pytestmark = pytest.mark.anyio

UPDATES = 1000
LARGE = (
    "subscription($id: ID!) { jobUpdated(id: $id) { version "
    + " ".join(f"{letter * 400}: id" for letter in "abcdefghijklmnopqrst")
    + " } }"
)
"""Some 8 KiB an event."""
UNREAD_S = 3


@pytest.fixture
def job(db, person):
    return make.create_job(db, person.athlete_id, status="RUNNING", version=1)


@pytest.fixture
def advance(db, redis_url, person, job):
    """Changes the job, as a worker does; gives its version."""
    with Redis.from_url(redis_url) as redis:

        def apply():
            query = f"UPDATE jobs SET version = version + 1 WHERE id = {job} RETURNING version"
            version = db.exec_driver_sql(query).scalar_one()
            publish(redis, job, person.athlete_id, version)
            return version

        yield apply


def narrow(address):
    """A connection whose client takes no more than the kernel holds for it, which is little."""
    host, port = address.split(":")
    narrowed = socket.socket()
    narrowed.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrowed.connect((host, int(port)))
    return narrowed


@asynccontextmanager
async def unread_socket(address, token, job):
    """A subscriber that reads nothing any more."""
    options = {
        "subprotocols": ["graphql-transport-ws"],
        "proxy": None,
        "max_queue": 1,
        "compression": None,
    }
    connection = await connect(
        f"ws://{address}/graphql", sock=narrow(address), close_timeout=0.1, **options
    )
    subscriber = Socket(connection)
    await subscriber.begin(Authorization=f"Bearer {token}")
    await subscriber.subscribe(LARGE, id=job)
    try:
        yield
    finally:
        connection.transport.abort()
        await connection.wait_closed()


@asynccontextmanager
async def unread_stream(address, token, job):
    body = json.dumps({"query": LARGE, "variables": {"id": job}}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with narrow(address) as connection:
        connection.sendall(head.encode() + body)
        yield


@pytest.mark.parametrize("unread", [unread_socket, unread_stream])
async def test_a_client_that_does_not_read_costs_little_and_is_cut(
    settings, tmp_path, person, job, advance, unread
):
    with api_process(settings, tmp_path, subscription_send_timeout_s=UNREAD_S) as api:
        async with asyncio.timeout(60), web_socket(api.address) as honest:
            await honest.begin(Authorization=f"Bearer {person.token}")
            await honest.subscribe(JOB, id=encode_id("Job", job))
            await honest.next()
            rss_mb = api.rss_mb
            async with unread(api.address, person.token, encode_id("Job", job)):
                await until(lambda: api.gauges()["open_subscriptions"] == 2, 5)
                delays = []
                for _ in range(UPDATES):
                    version = await asyncio.to_thread(advance)
                    began = monotonic()
                    while (await honest.next())["jobUpdated"]["version"] < version:
                        pass
                    delays.append(monotonic() - began)
                await until(lambda: api.gauges()["open_connections"] == 1, UNREAD_S + 3)
                # the socket is gone, not only forgotten
                await until(lambda: api.sockets == 1, UNREAD_S + 3)
            assert api.gauges()["job_watchers"] == 1
            assert api.rss_mb - rss_mb < 10
            assert sorted(delays)[int(0.99 * len(delays))] < 0.2


async def test_nothing_is_left_of_those_who_came_and_went(settings, tmp_path, db, redis_url):
    """`make test-churn` has ten thousand of them."""
    with api_process(settings, tmp_path) as api, Redis.from_url(redis_url) as redis:
        await assert_nothing_is_left(api, db, redis, visits=600, spare_mb=8)


async def test_a_redis_that_comes_back_is_listened_to_again(
    serving, services_home, db, person, job
):
    redis = start_redis(services_home / "again")
    try:
        address = serving(redis_url=SecretStr(redis.url))
        async with asyncio.timeout(40), web_socket(address) as subscriber:
            await subscriber.begin(Authorization=f"Bearer {person.token}")
            await subscriber.subscribe(JOB, id=encode_id("Job", job))
            await subscriber.next()
            redis.stop()
            await asyncio.sleep(1)
            version = db.exec_driver_sql(
                "UPDATE jobs SET version = version + 1 RETURNING version"
            ).scalar_one()
            redis = start_redis(services_home / "again")
            assert (await subscriber.next())["jobUpdated"]["version"] == version
            with Redis.from_url(redis.url) as client:
                await until(lambda: client.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 1)], 10)
                version = db.exec_driver_sql(
                    "UPDATE jobs SET version = version + 1 RETURNING version"
                ).scalar_one()
                publish(client, job, person.athlete_id, version)
            async with asyncio.timeout(1):
                assert (await subscriber.next())["jobUpdated"]["version"] == version
    finally:
        redis.stop()
