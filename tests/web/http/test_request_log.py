"""One line a request, an id that ties it all together, and no secret in any line."""

import io
import json
import re
import sys
from itertools import pairwise

import pytest

import logs
from tests import factories as make
from tests.graph.api import serve
from tests.logs.log_state import logs_restored

pytestmark = pytest.mark.anyio

NAMED = {"query": "query Mine { viewer { scopes } }", "operationName": "Mine"}


@pytest.fixture
def lines(settings, monkeypatch):
    """Sends logs to standard error as a process does; gives the lines written since."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with logs_restored():
        logs.set_up(settings.model_copy(update={"log_level": "DEBUG"}), "api")
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def of_requests(lines):
    return [line for line in lines if line["logger"] == "pacegraph.request"]


async def test_a_request_is_one_line(api, lines):
    response = await api.http.post("/graphql", json=NAMED, headers={"x-request-id": "mine-4711"})
    [line] = of_requests(lines())
    assert response.headers["x-request-id"] == "mine-4711"
    expected = {
        "message": "request", "level": "INFO", "process": "api", "request_id": "mine-4711", "method": "POST",
        "path": "/graphql", "status": 200, "operation": "Mine",
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected
    assert 0 < line["duration_ms"] < 60_000
    assert line["timestamp"]


@pytest.mark.parametrize(
    "given", [None, "short", "a b c d e f g h", "x" * 101, "ümlaut-ümlaut", 'quote"quote']
)
async def test_a_request_without_a_sound_id_gets_one(api, lines, given):
    headers = {"x-request-id": given.encode()} if given else {}
    response = await api.http.post("/graphql", json=NAMED, headers=headers)
    assert response.headers["x-request-id"] not in {given, ""}
    assert of_requests(lines())[0]["request_id"] == response.headers["x-request-id"]


async def test_the_ids_tell_nothing_of_other_requests(api):
    answers = [await api.http.get("/healthz") for _ in range(300)]
    ids = [each.headers["x-request-id"] for each in answers]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    numbers = [int(each, 16) for each in ids]
    ascents = sum(before < after for before, after in pairwise(numbers))
    assert 90 < ascents < 210  # 150 of 299, within 7 standard deviations
    for digit in range(32):
        assert len({each[digit] for each in ids}) > 8  # no part stays the same


async def test_refusals_are_logged_with_their_status(api, lines):
    await api.http.post("/graphql", content=b"{", headers={"content-type": "application/json"})
    await api.http.post("/graphql", json=NAMED, headers={"authorization": "Bearer pace_wrong"})
    await api.http.get("/absent")
    assert [line["status"] for line in of_requests(lines())] == [400, 401, 404]


async def test_probes_are_not_logged(api, lines):
    await api.http.get("/healthz")
    await api.http.get("/readyz")
    assert of_requests(lines()) == []


async def test_an_inner_error_carries_the_requests_id(api, db, lines):
    token = make.create_person(db).token
    db.exec_driver_sql("ALTER TABLE activities RENAME TO gone")
    headers = {"x-request-id": "mine-4711", "authorization": f"Bearer {token}"}
    await api.http.post(
        "/graphql", json={"query": "{ activities { nodes { id } } }"}, headers=headers
    )
    written = lines()
    [error] = [line for line in written if line["level"] == "ERROR"]
    assert error["request_id"] == "mine-4711"
    assert "UndefinedTable" in error["exception"]["stack"]
    assert of_requests(written)


async def test_no_line_holds_a_secret(api, db, lines, settings):
    token = make.create_person(db).token
    query = """mutation($m: CreateApiTokenInput!) { createApiToken(input: $m) { secret } }"""
    headers = {"authorization": f"Bearer {token}", "cookie": "pacegraph_session=crumbs"}
    body = {"query": query, "variables": {"m": {"name": "phone", "scopes": []}}}
    secret = (await api.http.post("/graphql", json=body, headers=headers)).json()["data"][
        "createApiToken"
    ]["secret"]
    await api.http.get("/strava/callback", params={"code": "the-code", "state": "the-state"})
    text = json.dumps(lines())
    secrets = [
        token,
        secret,
        "crumbs",
        "the-code",
        "the-state",
        settings.secret_key.get_secret_value(),
    ]
    assert [each for each in secrets if each in text] == []


async def test_a_flood_of_refusals_is_logged_in_part(settings, lines):
    changes = {"request_bucket_ip": 1, "request_refill_ip_per_s": 0.01}
    async with serve(settings.model_copy(update=changes)) as api:
        answers = [await api.http.get("/auth/strava") for _ in range(60)]
        refused = [each for each in answers if each.status_code == 429]
        written = [line for line in of_requests(lines()) if line["status"] == 429]
        assert len(refused) > 50
        assert 20 <= len(written) <= 25
        assert logs.left_out_lines() >= len(refused) - len(written)


async def test_a_long_path_is_cut(api, lines):
    await api.http.get("/" + "x" * 5000)
    [line] = of_requests(lines())
    assert len(line["path"]) == 201


@pytest.mark.parametrize(
    "given", ["/uploads/s3cret", "//exports/s3cret", "/api//Originals/s3cret", "/a/doctor/s3cret/b"]
)
async def test_what_lets_its_holder_do_something_is_left_out(api, lines, given):
    await api.http.get(f"http://pacegraph.test{given}")
    [line] = of_requests(lines())
    assert line["path"] == given.partition("s3cret")[0] + "…"
