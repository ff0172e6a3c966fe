"""Requests with links are charged: the account whose data it is, or the address."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.originals import create_original
from tests.web.routes.test_uploads import TUS, patch, path, put, stage
from web.limits import look_up_turns

LARGE, READ = 200_000, 10
STEADY = {
    "cost_per_database_ms": 25, "cost_bucket_user": 1000, "cost_refill_user_per_s": 1e-6,
    "cost_bucket_ip": 3 * READ, "cost_refill_ip_per_s": 1e-6,
}  # fmt: skip


@pytest.fixture
def client(serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{serving(**STEADY)}", timeout=20) as client:
        yield client


def balance(client: httpx.Client, person: make.Person) -> tuple[int, int]:
    """What the person has left before and after this asks."""
    headers = {"authorization": f"Bearer {person.token}"}
    answer = client.post("/graphql", json={"query": "{ __typename }"}, headers=headers).json()
    cost = answer["extensions"]["cost"]
    return cost["remaining"] + cost["actual"] + cost["work"], cost["remaining"]


def test_uploads_cost_their_account_unless_they_bring_something(client, person):
    [upload, small] = stage(client, person, LARGE, 3)
    part = os.urandom(LARGE // 2)
    for ask, cost in (
        (lambda: client.head(path(upload), headers=TUS), READ),
        (lambda: patch(client, upload, 0, b""), READ),
        (lambda: patch(client, upload, 0, b"0"), READ),
        (lambda: patch(client, upload, 1, part), 0),
        (lambda: put(client, upload, b"", f"bytes */{LARGE}"), READ),
        (lambda: put(client, upload, part), 0),
        (lambda: put(client, small, b"abc"), 0),
        (lambda: put(client, small, b"abc"), READ),
        (lambda: patch(client, small, 1, b""), READ),  # 409
        (lambda: client.delete(path(small)), READ),
        (lambda: client.head("/uploads/forged"), 0),
    ):
        _, before = balance(client, person)
        ask()
        assert before - balance(client, person)[0] == cost


def test_who_has_nothing_left_is_told_so_before_anything_is_read(client, person, db):
    [upload] = stage(client, person, LARGE)
    while (answer := client.head(path(upload))).status_code == 200:
        pass
    assert answer.status_code == 429
    assert balance(client, person)[1] <= READ, "what is refused is not the rate of requests"
    told = put(client, upload, b"", f"bytes */{LARGE}")
    error = told.json()["errors"][0]["extensions"]
    assert (told.status_code, error["code"]) == (429, "RATE_LIMITED")
    assert int(told.headers["retry-after"]) >= 1
    assert told.headers["ratelimit"].startswith('"cost";r=')


def test_archives_cost_their_account_and_what_is_made_up_the_address(client, person, db, settings):
    job = make.create_job(db, person.athlete_id, kind="EXPORT")
    number = make.create_export(
        db, job, person.athlete_id, token="known", size_bytes=3, ready_at=make.NOON
    )
    folder = Path(settings.pacegraph_home, "exports")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(number)).write_bytes(b"zip")
    _, before = balance(client, person)
    assert client.get("/exports/known").content == b"zip"
    assert balance(client, person)[0] == before, "it is not known yet whose it is"
    _, before = balance(client, person)
    assert client.head("/exports/known").status_code == 200
    assert balance(client, person)[0] == before - READ
    answers = [client.get(f"/exports/unknown{n}").status_code for n in range(3)]
    assert answers == [404, 404, 429]
    assert client.get("/exports/known").status_code == 200, "the address's is not its account's"


def test_links_of_nothing_are_looked_up_at_a_rate(serving, person, db, settings, monkeypatch):
    monkeypatch.setattr(look_up_turns, "UNKNOWN_AT_ONCE", 5)
    monkeypatch.setattr(look_up_turns, "UNKNOWN_PER_S", 1e-6)
    with httpx.Client(base_url=f"http://{serving()}", timeout=20) as client:
        [upload] = stage(client, person, LARGE)
        assert client.head(path(upload), headers=TUS).status_code == 200
        told = [client.get(f"/exports/unknown{number}") for number in range(8)]
        assert [each.status_code for each in told] == [404] * 6 + [503] * 2
        assert "asked for many files" in told[-1].text
        assert client.head(path(upload), headers=TUS).status_code == 200, "it was known just now"


def test_unpacking_an_original_costs_its_account_by_its_size(client, person, db):
    activity = make.create_activity(db, person.athlete_id, source="FILE", strava_id=None)
    create_original(db, person.athlete_id, activity, os.urandom(1 << 20) * 3)
    asked = "{ recordings { original { downloadUrl } } }"
    query = f'{{ activity(id: "{encode_id("Activity", activity)}") {asked} }}'
    headers = {"authorization": f"Bearer {person.token}"}
    answer = client.post("/graphql", json={"query": query}, headers=headers).json()
    [recording] = answer["data"]["activity"]["recordings"]
    file = "/originals/" + recording["original"]["downloadUrl"].split("/originals/")[1]
    costs = []
    for ask in (client.head, client.head, client.get):
        _, before = balance(client, person)
        assert ask(file).status_code == 200
        costs.append(before - balance(client, person)[0])
    assert costs[1] == READ
    assert costs[2] - READ == 3 * 50
    while (answer := client.get(file)).status_code == 200:
        pass
    assert answer.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
