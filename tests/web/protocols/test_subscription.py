"""Watching jobs over WebSocket and server-sent events, on a real socket."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graph.global_id import encode_id
from jobs.enqueue import publish
from local.redis import start_redis
from tests import factories as make
from tests.web.subscriber import ATHLETE_JOBS, JOB, event_stream, web_socket
from web.protocols.framing import MULTIPART
from web.protocols.stream_end import CredentialsEnded
from web.protocols.subscriber import refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
def job(db, person):
    return make.create_job(db, person.athlete_id, status="RUNNING", version=1)


@pytest.fixture
def change(db, redis_url, person, job):
    """Changes the job's row as a worker does, and tells the watchers unless that is off."""

    def apply(assignments, *, tell=True):
        query = f"UPDATE jobs SET version = version + 1, {assignments} WHERE id = {job} RETURNING version"
        version = db.exec_driver_sql(query).scalar_one()
        if tell:
            with Redis.from_url(redis_url) as redis:
                publish(redis, job, person.athlete_id, version)

    return apply


ENDED = "status = 'SUCCEEDED', finished_at = now(), lease_until = NULL"


async def test_a_watcher_gets_the_state_at_once_then_changes_until_the_end(
    address, person, job, change
):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOB, id=encode_id("Job", job))
        seen = [await socket.next()]
        change("progress_done = 5")
        seen.append(await socket.next())
        change(ENDED)
        seen.append(await socket.next())
        assert await socket.receive() == {"type": "complete", "id": "1"}
    states = [
        (each["jobUpdated"]["status"], each["jobUpdated"]["progress"]["done"]) for each in seen
    ]
    assert states == [("RUNNING", 0), ("RUNNING", 5), ("SUCCEEDED", 5)]


async def test_the_same_over_server_sent_events(address, person, job, change):
    async with (
        asyncio.timeout(15),
        event_stream(address, person.token, JOB, id=encode_id("Job", job)) as events,
    ):
        _, first = await anext(events)
        change(ENDED)
        _, second = await anext(events)
        event, _ = await anext(events)
    assert first["data"]["jobUpdated"]["status"] == "RUNNING"
    assert second["data"]["jobUpdated"]["status"] == "SUCCEEDED"
    assert event == "complete"


APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"


@asynccontextmanager
async def multipart(address, token, query, **variables):
    """Gives the response, and an iterator over its parts as Apollo's HttpLink finds them."""
    headers = {"accept": APOLLO, "authorization": f"Bearer {token}"}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
        http.stream("POST", f"http://{address}/graphql", json=body, headers=headers) as response,
    ):
        yield response, parts_of(response)


async def parts_of(response):
    text = ""
    async for piece in response.aiter_text():
        text += piece
        *whole, text = text.split("\r\n--graphql")
        for part in filter(None, whole):
            head, _, body = part.partition("\r\n\r\n")
            assert head.strip() == "content-type: application/json; charset=utf-8"
            yield json.loads(body)
    assert text == "--\r\n"


async def test_the_same_in_parts_as_apollo_asks_for_them(address, person, job, change):
    known = {"id": encode_id("Job", job)}
    async with (
        asyncio.timeout(15),
        multipart(address, person.token, JOB, **known) as (response, parts),
    ):
        first = await anext(parts)
        change(ENDED)
        second = [each async for each in parts]
    assert response.status_code == 200
    kind = 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"'
    assert response.headers["content-type"] == kind
    assert first["payload"]["data"]["jobUpdated"]["status"] == "RUNNING"
    assert [each["payload"]["data"]["jobUpdated"]["status"] for each in second] == ["SUCCEEDED"]


async def test_what_is_refused_in_parts_is_one_part(address, person):
    async with multipart(address, person.token, JOB, id=person.id) as (_, parts):
        [only] = [each async for each in parts]
    assert only["payload"]["errors"][0]["extensions"]["code"] == "INVALID_ID"


async def test_who_takes_parts_of_subscriptions_gets_queries_whole(address, person):
    async with multipart(address, person.token, "{ viewer { id } }") as (response, _):
        assert json.loads(await response.aread())["data"]["viewer"]["id"]
    assert response.headers["content-type"].startswith("application/graphql-response+json")


def test_what_ends_a_connection_in_parts_has_no_payload():
    part = MULTIPART.last_error(refusal("id", CredentialsEnded()))
    told = json.loads(part.split(b"\r\n\r\n")[1].removesuffix(b"\r\n--graphql"))
    assert told["payload"] is None
    assert told["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_who_comes_back_gets_the_present_state_first(address, person, job, change):
    for done in (1, 2):
        change(f"progress_done = {done}", tell=False)
        async with asyncio.timeout(15), web_socket(address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, id=encode_id("Job", job))
            assert (await socket.next())["jobUpdated"]["progress"]["done"] == done


async def test_a_job_that_has_ended_is_one_event(address, person, job, change):
    change(ENDED)
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOB, id=encode_id("Job", job))
        assert (await socket.next())["jobUpdated"]["status"] == "SUCCEEDED"
        assert (await socket.receive())["type"] == "complete"


async def refused(socket, query, **variables):
    await socket.subscribe(query, **variables)
    message = await socket.receive()
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    return errors[0]["extensions"]["code"]


async def test_what_is_foreign_looks_absent(address, db, person, job):
    stranger = make.create_person(db)
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {stranger.token}")
        assert await refused(socket, JOB, id=encode_id("Job", job)) == "NOT_FOUND"
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {stranger.token}")
        assert await refused(socket, JOB, id=encode_id("Job", 10**6)) == "NOT_FOUND"
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {stranger.token}")
        assert await refused(socket, ATHLETE_JOBS, id=person.id) == "NOT_FOUND"


async def test_what_is_no_id_is_an_error(address, person):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        assert await refused(socket, JOB, id=person.id) == "INVALID_ID"


async def test_who_is_signed_out_watches_nothing(address, person, job):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin()
        assert await refused(socket, ATHLETE_JOBS, id=person.id) == "UNAUTHENTICATED"
        for number in (job, 10**6):
            assert await refused(socket, JOB, id=encode_id("Job", number)) == "UNAUTHENTICATED"


async def test_an_athletes_jobs_are_all_their_changes(address, db, person, redis_url):
    other, admin = make.create_person(db), make.create_admin(db)
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {admin.token}")
        await socket.subscribe(ATHLETE_JOBS, id=person.id)
        await asyncio.sleep(0.5)  # nothing tells that it listens
        with Redis.from_url(redis_url) as redis:
            for owner in (other, person):
                publish(redis, job := make.create_job(db, owner.athlete_id), owner.athlete_id, 1)
        assert (await socket.next())["athleteJobs"]["id"] == encode_id("Job", job)


async def closed(socket):
    with pytest.raises(ConnectionClosed) as caught:
        await socket.receive()
    return caught.value.rcvd.code


@pytest.mark.parametrize(
    "authorization",
    ["Bearer pace_wrong", "pace_wrong", 7, {}],
    ids=["unknown", "bare", "number", "object"],
)
async def test_a_bad_token_closes_the_connection(address, authorization):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.send(type="connection_init", payload={"Authorization": authorization})
        assert await closed(socket) == 4403


async def test_a_bad_token_in_a_header_is_refused(address):
    with pytest.raises((ConnectionClosed, InvalidStatus)) as caught:
        async with (
            asyncio.timeout(15),
            web_socket(address, authorization="Bearer pace_wrong") as socket,
        ):
            await socket.begin()
    if isinstance(caught.value, InvalidStatus):
        assert caught.value.response.status_code in {401, 403}


async def test_a_token_in_a_header_signs_in(address, person, job):
    async with (
        asyncio.timeout(15),
        web_socket(address, authorization=f"Bearer {person.token}") as socket,
    ):
        await socket.begin()
        await socket.subscribe(JOB, id=encode_id("Job", job))
        assert (await socket.next())["jobUpdated"]["status"] == "RUNNING"


async def test_nothing_before_the_connection_is_begun(address, job):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.subscribe(JOB, id=encode_id("Job", job))
        assert await closed(socket) == 4401


@pytest.mark.parametrize(
    "text", ["{", "null", "[]", '{"type": "absent"}', '{"type": "subscribe"}', '"x"']
)
async def test_a_malformed_message_closes_the_connection(address, text):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin()
        await socket.connection.send(text)
        assert 4400 <= await closed(socket) < 4500


async def test_queries_and_mutations_work_there_too(address, person):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe("{ viewer { scopes } }")
        assert (await socket.next())["viewer"] == {"scopes": ["READ", "SYNC"]}


async def test_without_redis_changes_come_a_little_later(
    serving, services_home, tmp_path, person, job, change
):
    redis = start_redis(services_home / "another")
    try:
        address = serving(redis_url=SecretStr(redis.url))
        async with asyncio.timeout(25), web_socket(address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, id=encode_id("Job", job))
            await socket.next()
            redis.stop()
            change("progress_done = 7", tell=False)
            assert (await socket.next())["jobUpdated"]["progress"]["done"] == 7
            change(ENDED, tell=False)
            assert (await socket.next())["jobUpdated"]["status"] == "SUCCEEDED"
    finally:
        redis.stop()
