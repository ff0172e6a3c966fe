"""@defer and @stream over HTTP, event streams and WebSockets, in both forms."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import event

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.delivery.merging import errors_of, merged
from tests.patience import PATIENCE_S
from tests.switched import switched
from tests.web.subscriber import event_stream, web_socket

pytestmark = pytest.mark.anyio

Queue = asyncio.Queue[dict[str, Any]]

QUERY = """query Page($id: ID!, $later: Boolean! = true) {
  athlete(id: $id) {
    id
    activities(first: 3) {
      nodes @stream(initialCount: 1, if: $later, label: "runs") {
        id
        ...Slow @defer(if: $later, label: "slow")
      }
    }
    ... @defer(if: $later, label: "bests") { personalBests { distance } jobs { totalCount } }
  }
}
fragment Slow on Activity { name distanceMeters gear { name } }"""
WRONG = """query($id: ID!, $count: Int = 0) { athlete(id: $id) { activities(first: 3) {
  nodes @stream(initialCount: $count) { id } } } }"""
BY_ID = "multipart/mixed;incrementalSpec=v0.2, application/json"
BY_PATH = (
    "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9"
)
URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"


@pytest.fixture
def person(db):
    made = make.create_person(db)
    for _ in range(3):
        make.create_activity(db, made.athlete_id)
    return made


@pytest.fixture
async def http(address, person):
    headers = {"authorization": f"Bearer {person.token}"}
    base = f"http://{address}"
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        yield client


def body(person, query: str = QUERY, **variables: Any) -> dict[str, Any]:
    named = {"id": encode_id("Athlete", person.athlete_id), **variables}
    return {"query": query, "variables": named}


def parts_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The payloads of a multipart response, each with its own type."""
    kind, _, parameters = response.headers["content-type"].partition(";")
    assert (kind, 'boundary="-"' in parameters) == ("multipart/mixed", True)
    begun, *parts, last = response.text.split("\r\n---")
    assert (begun, last) == ("", "--\r\n")
    found = []
    for part in parts:
        head, _, payload = part.partition("\r\n\r\n")
        assert head.strip() == "content-type: application/json; charset=utf-8"
        found.append(json.loads(payload))
    return found


async def plain(http, person) -> Any:
    return (await http.post("/graphql", json=body(person, later=False))).json()


async def test_parts_add_up_and_cost_the_same(http, person):
    expected = await plain(http, person)
    for accept in (BY_ID, BY_PATH, URQL):
        response = await http.post("/graphql", json=body(person), headers={"accept": accept})
        parts = parts_of(response)
        # the first, the list's rest, the fragment of each run, that of the athlete
        assert len(parts) == 4
        assert merged(parts) == expected["data"]
        assert not errors_of(parts)
        costs = [each["extensions"]["cost"]["actual"] for each in (parts[-1], expected)]
        assert costs[0] == costs[1]
        assert all("extensions" not in each for each in parts[:-1])
        assert response.headers["cache-control"] == "no-store"


async def test_each_draft_has_its_form(http, person):
    response = await http.post("/graphql", json=body(person), headers={"accept": BY_ID})
    assert "incrementalSpec=v0.2" in response.headers["content-type"]
    first, rest, *_ = parts_of(response)
    nodes = ["athlete", "activities", "nodes"]
    assert first["pending"] == [
        {"id": "0", "path": nodes, "label": "runs"},
        {"id": "1", "path": [*nodes, 0], "label": "slow"},
        {"id": "2", "path": ["athlete"], "label": "bests"},
    ]
    assert [each["path"] for each in rest["pending"]] == [[*nodes, 1], [*nodes, 2]]
    assert rest["completed"] == [{"id": "0"}]
    response = await http.post("/graphql", json=body(person), headers={"accept": BY_PATH})
    assert "deferSpec=20220824" in response.headers["content-type"]
    first, rest, slow, bests = parts_of(response)
    assert first.keys() == {"data", "hasNext"}
    [items] = rest["incremental"]
    assert (items["path"], items["label"], len(items["items"])) == ([*nodes, 1], "runs", 2)
    assert [each["path"] for each in slow["incremental"]] == [[*nodes, index] for index in range(3)]
    assert {each["label"] for each in slow["incremental"]} == {"slow"}
    assert bests["incremental"][0]["path"] == ["athlete"]


async def test_who_takes_no_parts_gets_all_at_once_and_so_does_who_puts_nothing_off(http, person):
    expected = (await plain(http, person))["data"]
    for accept in ("", "application/json", "*/*", "multipart/mixed;deferSpec=1, */*"):
        headers = {"accept": accept} if accept else {}
        answer = (await http.post("/graphql", json=body(person), headers=headers)).json()
        assert answer["data"] == expected, accept
    asked = body(person, later=False)
    response = await http.post("/graphql", json=asked, headers={"accept": BY_ID})
    assert response.headers["content-type"].startswith("application/json")
    assert response.json()["data"] == expected


async def test_graphql_core_sends_parts_too(api, db, person):
    headers = {"authorization": f"Bearer {person.token}"}
    with switched(api.app.state.services.flags, planned_execution=False):
        for accept in (BY_ID, BY_PATH):
            response = await api.http.post(
                "/graphql", json=body(person), headers=headers | {"accept": accept}
            )
            found = merged(parts_of(response))
    assert found == (await api.answer(QUERY, person.token, **body(person)["variables"]))["data"]


async def test_errors_before_the_first_part_have_their_status(http, person):
    refused = {
        "{ nothing ... @defer { __typename } }": 422,
        'mutation { ... @defer { submitFeedback(input: {message: "hi"}) { accepted } } }': 422,
        "subscription { jobUpdated(id: 1) { ... @defer { id } } }": 422,
        "{ athletes @stream { totalCount } }": 422,
        "{ athletes { nodes @stream(initialCount: -1) { id } } }": 422,
        "{ ... @defer { a: __typename } ": 400,
    }
    for query, status in refused.items():
        response = await http.post("/graphql", json={"query": query}, headers={"accept": BY_ID})
        assert (response.status_code, "errors" in response.json()) == (status, True), query


async def test_a_wrong_argument_is_the_same_error_on_all_ways(http, address, person):
    """Also where nothing would be put off: nobody finds out only when another client sends it."""
    asked = body(person, WRONG, count=-1)
    found = []
    for accept in ("application/json", BY_ID, BY_PATH, "text/event-stream;deferSpec=20220824"):
        response = await http.post("/graphql", json=asked, headers={"accept": accept})
        is_stream = accept.startswith("text/")
        assert response.status_code == (200 if is_stream else 422)
        line = next(each for each in response.text.splitlines() if '"errors"' in each)
        found.append(json.loads(line.removeprefix("data: "))["errors"])
    async with web_socket(address, authorization=f"Bearer {person.token}") as socket:
        await socket.begin()
        await socket.subscribe(asked["query"], **asked["variables"])
        found.append((await socket.receive())["payload"])
    for [error] in found:
        assert error == found[0][0]
    assert "0 or more" in error["message"]
    named = {name: error["extensions"][name] for name in ("code", "field", "coordinate")}
    assert named == {
        "code": "BAD_USER_INPUT", "field": "initialCount", "coordinate": "@stream(initialCount:)",
    }  # fmt: skip


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_parts_are_compressed_where_the_client_takes_it(http, person, coding):
    expected = (await plain(http, person))["data"]
    for accept in (BY_ID, "text/event-stream;incrementalSpec=v0.2"):
        headers = {"accept": accept, "accept-encoding": f"identity;q=0, {coding}"}
        response = await http.post("/graphql", json=body(person), headers=headers)
        assert response.headers["content-encoding"] == coding
        if accept == BY_ID:
            parts = parts_of(response)
        else:
            lines = response.text.splitlines()
            parts = [json.loads(each[6:]) for each in lines if each.startswith("data: {")]
        assert merged(parts) == expected
    headers["accept-encoding"] = "identity"
    response = await http.post("/graphql", json=body(person), headers=headers)
    assert "content-encoding" not in response.headers


async def test_a_mutation_puts_off_what_it_returns(http, person, db):
    mutation = """mutation($id: ID!, $max: Int!) {
      updateAthlete(input: {athleteId: $id, maxHeartRate: $max}) {
        athlete { id ... @defer(label: "rest") { maxHeartRate } } userErrors { code } } }"""
    for number, accept in enumerate((BY_ID, BY_PATH)):
        response = await http.post(
            "/graphql", json=body(person, mutation, max=190 + number), headers={"accept": accept}
        )
        parts = parts_of(response)
        assert len(parts) == 2
        assert "content-encoding" not in response.headers  # its length could tell of a secret
        assert merged(parts)["updateAthlete"]["athlete"]["maxHeartRate"] == 190 + number
        assert parts[1]["extensions"]["cost"]["actual"] >= 10


async def test_get_sends_parts_and_head_none(http, person):
    asked = {"query": QUERY, "variables": json.dumps(body(person)["variables"])}
    got = await http.get("/graphql", params=asked, headers={"accept": BY_ID})
    assert len(parts_of(got)) == 4
    head = await http.head("/graphql", params=asked, headers={"accept": BY_ID})
    assert head.headers["content-type"].startswith("application/json")


async def test_an_event_stream_has_an_event_for_each_part(http, address, person):
    asked = body(person)
    async with event_stream(address, person.token, asked["query"], **asked["variables"]) as events:
        found = [each async for each in events]
    assert [name for name, _ in found] == ["next"] * 4 + ["complete"]
    expected = (await plain(http, person))["data"]
    assert merged([payload for _, payload in found[:-1]]) == expected
    both = {"accept": "application/json, text/event-stream;deferSpec=20220824"}
    streamed = await http.post("/graphql", json=asked, headers=both)
    payloads = [json.loads(line[6:]) for line in streamed.text.splitlines() if "data: {" in line]
    assert payloads[1]["incremental"][0]["label"] == "runs"
    assert merged(payloads) == expected


async def test_a_web_socket_has_a_message_for_each_part(http, address, person):
    asked, payloads = body(person), []
    async with web_socket(address, authorization=f"Bearer {person.token}") as socket:
        await socket.begin()
        await socket.subscribe(asked["query"], **asked["variables"])
        while (message := await socket.receive())["type"] == "next":
            payloads.append(message["payload"])
    assert message["type"] == "complete"
    assert merged(payloads) == (await plain(http, person))["data"]


async def received(
    api: Any, person: Any, asked: dict[str, Any], on_part: Callable[[Queue], Awaitable[None]]
) -> list[bytes]:
    """Send a request to the application itself; `on_part` is awaited as a part is written."""
    scope = {
        "type": "http", "method": "POST", "path": "/graphql", "query_string": b"",
        "headers": [
            (b"accept", BY_ID.encode()), (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {person.token}".encode()),
        ],
        "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http", "server": None,
    }  # fmt: skip
    incoming: Queue = asyncio.Queue()
    incoming.put_nowait(
        {"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}
    )
    sent: list[bytes] = []

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            sent.append(message["body"])
            await on_part(incoming)

    async with asyncio.timeout(10):
        await api.app(scope, incoming.get, send)
    return sent


async def test_a_client_that_goes_away_ends_the_rest(api, person, db):
    async def go_away(incoming: Queue) -> None:
        incoming.put_nowait({"type": "http.disconnect"})
        await asyncio.Event().wait()  # the client does not read anymore

    assert len(await received(api, person, body(person), go_away)) == 1
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE state LIKE 'idle in %%' AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    async with asyncio.timeout(PATIENCE_S):
        while db.exec_driver_sql(query).scalar_one():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def test_a_request_weighs_until_its_last_part(api, person, database_url):
    heavy = {**body(person), "extensions": {"padding": [0] * 9_000}}
    weights, key = api.app.state.services.limits.weights, f"account:{person.account_id}"
    weights.take(key, 6_500_000, is_limited=True)  # one more fits beside it
    headers = {"authorization": f"Bearer {person.token}"}
    statuses = []

    async def ask_more(_: Queue) -> None:
        if not statuses:
            statuses.append(
                (await api.http.post("/graphql", json=heavy, headers=headers)).status_code
            )
            holder.rollback()

    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE personal_bests IN ACCESS EXCLUSIVE MODE")
        sent = await received(api, person, heavy, ask_more)
    assert (len(sent), statuses) == (5, [429])
    assert (await api.http.post("/graphql", json=heavy, headers=headers)).status_code == 200


async def test_an_answer_whose_only_part_is_the_first_is_run_to_its_end(api, person):
    """So its connection goes back to the pool, and its plan is kept."""
    query = """query($id: ID!) { athlete(id: $id) { activities { nodes @stream(initialCount: 9) {
    id name } } } }"""
    headers = {"authorization": f"Bearer {person.token}", "accept": BY_ID}
    planner, engine = api.app.state.services.planner, api.app.state.services.database.engine
    connected = []
    event.listen(engine.sync_engine, "connect", lambda *_: connected.append(1))
    for number in range(1, 6):
        response = await api.http.post("/graphql", json=body(person, query), headers=headers)
        answer = response.json()
        assert answer.keys() == {"data", "extensions"}
        assert len(answer["data"]["athlete"]["activities"]["nodes"]) == 3
        assert planner.planned == number
    assert len(connected) < 5
