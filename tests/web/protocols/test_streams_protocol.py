"""What a WebSocket may say, and what it is told: graphql-transport-ws by the book."""

import asyncio
import json
from hashlib import sha256

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.web.api_process import api_process
from tests.web.subscriber import JOB, Socket, cookie_of, event_stream, web_socket

pytestmark = pytest.mark.anyio


async def test_who_does_not_begin_is_let_go(address):
    async with asyncio.timeout(15), web_socket(address) as socket:
        code, reason = await socket.closed()
    assert (code, reason[:33]) == (4408, "Connection initialisation timeout")


async def test_one_begins_once(address):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin()
        await socket.send(type="connection_init")
        assert (await socket.closed())[0] == 4429


async def test_the_reason_of_a_refusal_is_told(address):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.send(type="connection_init", payload={"authorization": "Bearer pace_wrong"})
        code, reason = await socket.closed()
    assert code == 4403
    assert reason.startswith("The API token is unknown, expired or revoked.")


@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["graphql-sse", "nonsense"]])
async def test_other_subprotocols_are_not_acceptable(address, offered):
    async with (
        asyncio.timeout(15),
        connect(f"ws://{address}/graphql", subprotocols=offered, proxy=None) as connection,
    ):
        code, reason = await Socket(connection).closed()
    assert code == 4406
    assert "graphql-transport-ws" in reason


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"id": 1, "payload": {"query": "{ __typename }"}}, "`id`"),
        ({"id": [], "payload": {"query": "{ __typename }"}}, "`id`"),
        ({"id": "", "payload": {"query": "{ __typename }"}}, "`id`"),
        ({"id": "1"}, "`payload`"),
        ({"id": "1", "payload": "{ __typename }"}, "`payload`"),
        ({"id": "1", "payload": {"query": 1}}, "`payload.query`"),
        (
            {"id": "1", "payload": {"query": "{ __typename }", "variables": []}},
            "`payload.variables`",
        ),
        (
            {"id": "1", "payload": {"query": "{ __typename }", "operationName": 7}},
            "`payload.operationName`",
        ),
        (
            {"id": "1", "payload": {"query": "{ __typename }", "extensions": "x"}},
            "`payload.extensions`",
        ),
    ],
)
async def test_a_malformed_subscribe_is_told_what_is_wrong(address, message, named):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin()
        await socket.send(type="subscribe", **message)
        code, reason = await socket.closed()
    assert code == 4400
    assert named in reason


async def test_binary_messages_are_none(address):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.connection.send(b'{"type":"connection_init"}')
        assert (await socket.closed())[0] == 4400


async def test_a_ping_is_answered_with_its_payload(address):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.send(type="ping", payload={"n": 7})
        assert await socket.receive() == {"type": "pong", "payload": {"n": 7}}
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}
        await socket.send(type="pong")
        await socket.begin()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("{ absent }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { absent }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($id: ID!) { jobUpdated(id: $id) { id } }", "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
    ],
)
async def test_what_does_not_run_is_an_error_and_the_connection_lives(address, query, code):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin()
        await socket.subscribe(query)
        assert await socket.error_code() == code
        await socket.subscribe("{ __typename }")
        assert await socket.next() == {"__typename": "Query"}


async def test_an_id_is_used_by_one_at_a_time(address, person, job):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        for _ in range(3):  # it is free again at once
            await socket.subscribe(JOB, id=job)
            await socket.next()
            await socket.send(type="complete", id="1")
        await socket.send(type="complete", id="never begun")
        await socket.subscribe(JOB, id=job)
        await socket.next()
        await socket.subscribe(JOB, id=job)
        assert await socket.closed() == (4409, "Subscriber for 1 already exists")


async def test_completing_ends_the_watch_at_once(settings, tmp_path, person, job):
    with api_process(settings, tmp_path) as api:
        async with asyncio.timeout(30), web_socket(api.address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, id=job)
            await socket.next()
            watching = api.gauges()
            await socket.send(type="complete", id="1")
            await socket.send(type="ping")
            await socket.receive()
            ended = api.gauges()
    assert (
        watching["job_watchers"],
        watching["open_subscriptions"],
        watching["open_connections"],
    ) == (1, 1, 1)
    assert (ended["job_watchers"], ended["open_subscriptions"], ended["open_connections"]) == (
        0,
        0,
        1,
    )


async def test_a_message_beyond_the_limit_ends_the_connection(settings, tmp_path):
    with api_process(settings, tmp_path, body_max_bytes=1024) as api:
        async with asyncio.timeout(30), web_socket(api.address) as socket:
            await socket.begin()
            await socket.subscribe("#" * 2000)
            assert (await socket.closed())[0] == 1009


async def test_each_operation_has_surroundings_of_its_own(address, person, job):
    """Many at once do not take each other's loaders away."""
    async with asyncio.timeout(30), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        query = "query($id: ID!) { node(id: $id) { ... on Job { id status } } viewer { athlete { id } } }"
        numbers = [str(number) for number in range(30)]
        for number in numbers:
            await socket.subscribe(query, number, id=job)
        found = {}
        while len(found) < len(numbers):
            message = await socket.receive()
            if message["type"] == "next":
                found[message["id"]] = message["payload"]["data"]
    assert set(found) == set(numbers)
    assert all(
        each["node"]["id"] == job and each["viewer"]["athlete"]["id"] == person.id
        for each in found.values()
    )


async def test_a_mutation_works_and_the_next_query_sees_it(address, person):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(
            'mutation($id: ID!) { updateAthlete(input: {athleteId: $id, city: "Braga"}) { athlete { city } } }',
            id=person.id,
        )
        assert (await socket.next())["updateAthlete"]["athlete"] == {"city": "Braga"}
        await socket.receive()
        await socket.subscribe("{ viewer { athlete { city } } }", "2")
        assert (await socket.next())["viewer"]["athlete"] == {"city": "Braga"}


async def test_an_operation_that_takes_too_long_ends(serving, db, person, job):
    address = serving(operation_timeout_s=0.5)
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOB, "kept", id=job)
        await socket.next()
        with db.engine.execution_options(isolation_level="READ COMMITTED").begin() as lock:
            lock.exec_driver_sql("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            await socket.subscribe("query($id: ID!) { node(id: $id) { id } }", id=job)
            message = await socket.receive()
        assert message["payload"][0]["extensions"]["code"] == "TIMEOUT"
        await asyncio.sleep(1)
        # seen within five seconds: the subscription lives
        db.exec_driver_sql("UPDATE jobs SET version = version + 1")
        assert (await socket.receive())["id"] == "kept"


async def test_only_trusted_documents_run_there_too(serving, tmp_path, person, job):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"watch": JOB}))
    address = serving(trusted_documents="enforce", trusted_documents_manifest=manifest)
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        for query in ("{ __typename }", JOB.replace("status", "kind")):
            await socket.subscribe(query, id=job)
            assert await socket.error_code() == "UNTRUSTED_DOCUMENT"
        await socket.subscribe(JOB, id=job)
        await socket.next()
        await socket.send(
            type="subscribe", id="2", payload={"documentId": "watch", "variables": {"id": job}}
        )
        await socket.next()


async def test_a_text_may_be_registered_and_then_be_named_by_its_hash(address, person):
    text = "{ viewer { scopes } }"
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.send(type="subscribe", id="1", payload={"extensions": persisted})
        assert await socket.error_code() == "PERSISTED_QUERY_NOT_FOUND"
        for payload in ({"query": text, "extensions": persisted}, {"extensions": persisted}):
            await socket.send(type="subscribe", id="1", payload=payload)
            assert (await socket.next())["viewer"]
            assert (await socket.receive())["type"] == "complete"


# --- where it comes from


async def test_another_sites_page_may_not_use_the_session(settings, db, address, person):
    cookie = cookie_of(settings, db, person)
    async with asyncio.timeout(15):
        with pytest.raises(InvalidStatus) as caught:
            async with web_socket(address, cookie=cookie, origin="https://evil.example"):
                pass
        assert caught.value.response.status_code == 403
        async with web_socket(address, cookie=cookie, origin=f"http://{address}") as socket:
            await socket.begin()
            await socket.subscribe("{ viewer { scopes } }")
            assert (await socket.next())["viewer"]["scopes"] == ["READ", "SYNC"]


async def test_another_sites_page_may_use_a_token(address, person):
    async with asyncio.timeout(15), web_socket(address, origin="https://app.example") as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe("{ viewer { scopes } }")
        assert (await socket.next())["viewer"]["scopes"] == ["READ", "SYNC"]


# --- event streams


@pytest.mark.parametrize("query", ["{", "subscription {", "subscription { absent }"])
async def test_what_does_not_run_is_one_event(address, person, query):
    async with asyncio.timeout(15), event_stream(address, person.token, query) as events:
        event, data = await anext(events)
        assert event == "next"
        assert "data" not in data
        assert data["errors"][0]["extensions"]["code"].startswith("GRAPHQL_")
        assert (await anext(events))[0] == "complete"


async def test_a_query_may_be_streamed_too(address, person):
    async with asyncio.timeout(15), event_stream(address, person.token, "{ __typename }") as events:
        assert (await anext(events))[1]["data"] == {"__typename": "Query"}
        assert (await anext(events))[0] == "complete"
