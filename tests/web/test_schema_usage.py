"""Uses of the schema are counted by client, on every transport, and written to the database."""

import asyncio
import json
from time import monotonic

import pytest
import websockets

from tests.graph.api import serve
from tests.patience import PATIENCE_S
from web import schema_usage

pytestmark = pytest.mark.anyio

PHONE = {"graphql-client-name": "phone", "graphql-client-version": "1.2"}
QUERY = "query ($id: ID!) { athlete(id: $id) { city } }"


def written(db) -> dict[tuple[str, str, str], int]:
    rows = db.exec_driver_sql(
        "SELECT coordinate, client_name, client_version, operations FROM schema_uses"
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows.all()}


async def ask(api, query: str, headers: dict[str, str] | None = None, **variables: str) -> None:
    body = {"query": query, "variables": variables}
    answer = await api.http.post("/graphql", json=body, headers=headers or {})
    assert answer.status_code == 200


async def test_operations_are_counted_by_client(api, db, person):
    for headers in (PHONE, PHONE, None):
        await ask(api, QUERY, headers, id="QXRobGV0ZTox")
    await ask(api, "{ __typename }", PHONE)
    await api.app.state.services.usage.write()
    members = ["Query.athlete", "Query.athlete(id:)", "Athlete.city"]
    assert written(db) == {
        **{(each, "phone", "1.2"): 2 for each in members},
        **{(each, "", ""): 1 for each in members},
    }
    await ask(api, QUERY, PHONE, id="QXRobGV0ZTox")
    await api.app.state.services.usage.write()
    assert written(db)["Athlete.city", "phone", "1.2"] == 3


async def test_what_does_not_run_is_not_counted(api, db):
    await ask(api, "{ athletes(first: 1) { totalCount } }", {"graphql-cost": "validate"})
    await api.http.post("/graphql", json={"query": "{ nothing }"})
    await api.app.state.services.usage.write()
    assert written(db) == {}


async def test_it_is_the_same_by_plan_and_without(api, db):
    await api.ask("{ athletes(first: 1) { totalCount } }")
    await api.app.state.services.usage.write()
    assert written(db) == {
        ("Query.athletes", "", ""): 2,
        ("Query.athletes(first:)", "", ""): 2,
        ("AthleteConnection.totalCount", "", ""): 2,
    }


async def test_switched_off_nothing_is_counted(settings, db):
    async with serve(settings.model_copy(update={"schema_usage": "off"})) as api:
        await ask(api, QUERY, PHONE, id="QXRobGV0ZTox")
        await api.app.state.services.usage.write()
    assert written(db) == {}


async def test_counts_wait_while_the_database_is_away(api, db):
    usage = api.app.state.services.usage
    await ask(api, QUERY, PHONE, id="QXRobGV0ZTox")
    db.exec_driver_sql("ALTER TABLE schema_uses RENAME TO away")
    await usage.write()
    db.exec_driver_sql("ALTER TABLE away RENAME TO schema_uses")
    assert written(db) == {}
    await usage.write()
    assert written(db)["Athlete.city", "phone", "1.2"] == 1


async def test_invented_names_share_one_row(api, db, monkeypatch):
    monkeypatch.setattr(schema_usage, "_MOST_CLIENTS", 2)
    for name in ("one", "two", "three", "four", "one"):
        await ask(api, QUERY, {"graphql-client-name": name}, id="QXRobGV0ZTox")
    await api.app.state.services.usage.write()
    of_city = {use[1]: count for use, count in written(db).items() if use[0] == "Athlete.city"}
    assert of_city == {"one": 2, "two": 1, "(others)": 2}


async def test_a_websocket_names_its_client(serving, db, monkeypatch):
    monkeypatch.setattr(schema_usage, "_WRITE_EVERY_S", 0.05)
    address = serving()
    async with websockets.connect(
        f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": PHONE}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": "{ athletes(first: 1) { totalCount } }"}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        assert json.loads(await socket.recv())["type"] == "next"
    deadline = monotonic() + PATIENCE_S
    while ("Query.athletes", "phone", "1.2") not in written(db):
        assert monotonic() < deadline
        await asyncio.sleep(0.05)
