"""Slow operations are in the log, each with its statements and a plan, and without any value."""

import io
import json
import sys
from hashlib import sha256

import pytest

import logs
from graph.global_id import encode_id
from runtime.ran_statements import RanStatement
from tests import factories as make
from tests.graph.api import serve
from tests.logs.log_state import logs_restored
from tests.web.conftest import listening
from tests.web.protocols.test_short_way import Client
from web import create_app
from web.slow_operations import _written

pytestmark = pytest.mark.anyio

FOUND = """query Found($n: String) { athletes(filter: {nameContains: $n}) { nodes { displayName } }
  b: athletes(filter: {nameContains: "Littoral"}) { nodes { displayName } } }"""
CHANGED = """mutation Changed($a: ID!) { updateAthlete(input: {athleteId: $a, maxHeartRate: 187}) { athlete { id } } }"""


@pytest.fixture
def lines(settings, monkeypatch):
    """The lines of slow operations, once the server has ended."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with logs_restored():
        logs.set_up(settings.model_copy(update={"log_format": "json"}), "api")

        def read() -> list[dict]:
            found = [json.loads(line) for line in stream.getvalue().splitlines()]
            assert all(len(line) < 16_000 for line in stream.getvalue().splitlines())
            return [line for line in found if line["logger"] == "web.slow_operations"]

        yield read


async def test_a_slow_operation_is_logged_with_all_that_it_did(settings, db, lines):
    person = make.create_person(db)
    changes = {"slow_operation_ms": 1, "cache": "off"}
    async with serve(settings.model_copy(update=changes)) as api:
        answer = await api.post(FOUND, person.token, n="Sekret")
        assert answer.json()["data"]["athletes"]["nodes"] == []
        await api.answer(CHANGED, person.token, a=encode_id("Athlete", person.athlete_id))
        logged = api.app.state.services.slow_operations.logged
    found, changed = sorted(lines(), key=lambda each: each["operation"] != "Found")
    assert logged == 2
    assert found["message"] == "an operation was slow"
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["athlete_id"] == str(person.athlete_id)
    assert found["document"] == sha256(FOUND.encode()).hexdigest()
    assert (found["caller"], found["is_admin"]) == ("token", False)
    assert found["duration_ms"] >= found["database_ms"] >= 0
    assert found["cost_requested"] >= found["cost_actual"] >= 1
    [statement, *_] = found["statements"]
    assert statement["sql"].startswith("SELECT ")
    assert (statement["times"], statement["ms"] > 0) == (1, True)
    assert "on athletes" in found["plan"]
    assert found["plan_left_out"] is None
    assert changed["operation"] == "Changed"
    assert any(each["sql"].startswith("UPDATE athletes") for each in changed["statements"])
    assert changed["plan"] is None
    assert "within 10 s" in changed["plan_left_out"]
    for value in ("Sekret", "Littoral", "187", person.token):
        assert value not in json.dumps([found["statements"], found["plan"], changed["statements"]])


@pytest.mark.parametrize("limit_ms", [0, 600_000])
async def test_others_are_not_logged(settings, db, lines, limit_ms):
    async with serve(settings.model_copy(update={"slow_operation_ms": limit_ms})) as api:
        await api.answer(FOUND, n="x")
        assert api.app.state.services.slow_operations.logged == 0
    assert lines() == []


async def test_one_that_failed_or_came_in_parts_is_logged(settings, db, lines):
    async with serve(settings.model_copy(update={"slow_operation_ms": 1})) as api:
        await api.answer("query Unfit($n: Int!) { __typename }", n="x")
        parts = "query Parts { athletes { nodes { id ... @defer { displayName } } } }"
        accept = {"accept": "multipart/mixed;deferSpec=20220824, application/json"}
        answer = await api.http.post("/graphql", json={"query": parts}, headers=accept)
        assert answer.status_code == 200
    unfit, in_parts = lines()
    assert unfit["statements"] == []
    assert (unfit["plan"], unfit["plan_left_out"]) == (None, "it ran no statement")
    assert unfit["caller"] == in_parts["caller"] == "signed out"
    assert in_parts["operation"] == "Parts"
    assert len(in_parts["statements"]) >= 1


def test_the_short_way_is_watched_too(settings, db, lines):
    person = make.create_person(db)
    app = create_app(settings.model_copy(update={"slow_operation_ms": 1, "cache": "off"}))
    services = app.state.services
    services.slow_operations.is_slow = lambda seconds: services.at_hand.fetched > 0
    with listening(app) as address, Client(address, person.token) as client:
        for _ in range(8):
            client.ask({"query": "query Short { activities { nodes { id } } }"})
        assert services.at_hand.fetched >= 2
    slow = lines()
    assert {each["operation"] for each in slow} == {"Short"}
    assert all(each["request_id"] and each["athlete_id"] for each in slow)
    assert slow[0]["cost_actual"] >= 1
    assert slow[0]["statements"]


def test_statements_share_the_room_of_a_line():
    long = [RanStatement("SELECT " + "x, " * 9000, 1, 1.0)] + [
        RanStatement(f"SELECT {number} " + "y" * 300, 2, 0.5) for number in range(4)
    ]
    written = _written(long)
    assert sum(len(each["sql"]) for each in written) < 4300
    assert "characters" in written[0]["sql"]
    assert all(len(each["sql"]) >= 200 for each in written)
