"""The short way answers as the long one, which a head goes the first two times that it comes."""

import io
import json
import re
import sys
import time

import pytest
from sqlalchemy import text

import logs
from db.session import AsyncDatabase
from tests import factories as make
from tests import http_server
from tests.logs.log_state import logs_restored
from tests.runtime.traced import traced
from tests.web.conftest import listening
from tests.web.protocols.raw_client import ATHLETE, Client, asked, lasting
from web import create_app
from web.http.short_way import ShortWayHttp

__all__ = ["asked", "traced"]

GRADE = """{ ageGrade(input: {distanceMeters: 5000, elapsedTimeSeconds: 1000, sex: MALE, age: 30})
{ percent } }"""


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def address(app):
    with listening(app) as address:
        yield address


SHORT = {
    "a constant": ({"query": "{ __typename }"}, b""),
    "nothing": ({"query": "{ }"}, b""),
    "all left out": ({"query": "{ __typename @skip(if: true) ...F } fragment F on Query { }"}, b""),
    "of two operations": (
        {"query": "query A { __typename } query B { b: __typename }", "operationName": "B"},
        b"",
    ),
    "from the cache": (None, b""),
    "as GraphQL's type": (None, b"accept: application/graphql-response+json\r\n"),
    "of a page": (None, b"origin: https://app.example\r\n"),
    "computed": (
        {"query": GRADE},
        b"accept-encoding: gzip\r\n",
    ),
}
LONG = {
    "refused": ({"query": "{ nothing }"}, b""),
    "wrong variables": ({"query": ATHLETE, "variables": {"id": 1}}, b""),
    "no id": ({"query": ATHLETE, "variables": {"id": "x"}}, b""),
    "without variables": ({"query": ATHLETE}, b""),
    "not JSON of a request": ([], b""),
    "a dry run": ({"query": "{ __typename }"}, b"graphql-cost: validate\r\n"),
    "of a subscriber": ({"query": "{ __typename }"}, b"accept: text/event-stream\r\n"),
    "about the schema": ({"query": "{ __schema { queryType { name } } }"}, b""),
    "a mutation": ({"query": "mutation { __typename }"}, b""),
    "with a cookie": ({"query": "{ __typename }"}, b"cookie: a=b\r\n"),
    "of a site": ({"query": "{ __typename }"}, b"cookie: a=b\r\norigin: https://evil.example\r\n"),
    "uncompressed": ({"query": "{ __typename }"}, b"accept-encoding: identity;q=0\r\n"),
}


@pytest.mark.parametrize("name", SHORT)
def test_it_answers_as_the_long_way_does(app, address, person, asked, name):
    body, fields = SHORT[name]
    with Client(address, person.token, fields) as client:
        answers = [client.ask(body or asked) for _ in range(5)]
    assert answers[0].startswith(b"HTTP/1.1 200")
    assert {lasting(answer) for answer in answers} == {lasting(answers[0])}
    assert app.state.services.at_hand.answered >= 2


def test_all_else_goes_the_long_way(app, address, person, asked):
    for body, fields in LONG.values():
        with Client(address, person.token, fields) as client:
            if b"event-stream" in fields:
                client.socket.sendall(client.request(body) * 2)
                assert client.socket.recv(65536).startswith(b"HTTP/1.1 200")
                continue
            answers = [client.ask(body) for _ in range(4)]
            assert {lasting(answer) for answer in answers} == {lasting(answers[0])}
    assert app.state.services.at_hand.answered == 0


def test_no_answer_is_older_than_the_last_commit(app, address, db, person, asked):
    rename = text("UPDATE athletes SET first_name = :name WHERE id = :id")
    with Client(address, person.token) as client:
        for number in range(30):
            db.execute(rename, {"name": f"Name{number}", "id": person.athlete_id})
            assert b"Name%d" % number in client.ask(asked)
            assert b"Name%d" % number in client.ask(asked)
    assert app.state.services.at_hand.answered >= 20


FETCHED = {
    "with an id": ({}, b""),
    "of a page, compressed": ({}, b"origin: https://app.example\r\naccept-encoding: gzip\r\n"),
    "a long list": (
        {"query": "{ activities(first: 500) { nodes { id name startedAt distanceMeters } } }"},
        b"accept-encoding: gzip\r\n",
    ),
    "two lists": (
        {"query": "{ a: activities { edges { cursor } } b: athletes { nodes { firstName } } }"},
        b"",
    ),
}


@pytest.mark.parametrize("name", FETCHED)
def test_what_is_not_cached_is_fetched_by_the_short_way(settings, db, person, asked, name):
    body, fields = FETCHED[name]
    for number in range(400 if "long" in name else 3):
        make.create_activity(db, person.athlete_id, name=f"{number} of many, a long name {number}")
    app = create_app(settings.model_copy(update={"cache": "off"}))
    with listening(app) as address, Client(address, person.token, fields) as client:
        answers = [client.ask(body or asked) for _ in range(8)]
        rename = text("UPDATE activities SET name = 'Renamed' WHERE athlete_id = :id")
        db.execute(rename, {"id": person.athlete_id})
        renamed = client.ask(body or asked)
    assert answers[0].startswith(b"HTTP/1.1 200")
    assert {lasting(answer) for answer in answers} == {lasting(answers[0])}
    assert lasting(renamed) != lasting(answers[0]) or "two" in name
    assert app.state.services.at_hand.fetched >= 3
    assert app.state.services.at_hand.answered == 0


def test_what_is_fetched_waits_for_its_budgets(settings, db, person, asked, monkeypatch):
    """Where this process has spent what it took ahead, Redis is asked; the long way refuses."""
    # leases that are not renewed ahead: they are spent in this thread
    monkeypatch.setattr("web.limits.token_bucket._AHEAD_S", 0.0)
    monkeypatch.setattr("web.limits.token_bucket._LEAST_LEFT", 10**9)
    changed = {"cache": "off", "cost_bucket_user": 1000, "cost_refill_user_per_s": 0.01}
    app = create_app(settings.model_copy(update=changed))
    limits, at_hand = app.state.services.limits, app.state.services.at_hand
    with listening(app) as address, Client(address, person.token) as client:
        known = [client.ask(asked) for _ in range(4)][-1]
        before, host = at_hand.fetched, address.split(":")[0]
        while limits.requests.admit_now(host):
            pass
        while limits.budgets.of(person.account_id, host).charge_now(1, 1) is not None:
            pass
        assert lasting(client.ask(asked)) == lasting(known)
        assert at_hand.fetched == before + 1
        while (answer := client.ask(asked)).startswith(b"HTTP/1.1 200"):
            assert at_hand.fetched < before + 1000
        assert b"RATE_LIMITED" in answer


@pytest.mark.parametrize("ratio", [0, 1])
def test_what_is_fetched_is_traced_by_its_chance(settings, traced, person, asked, ratio):
    app = create_app(settings.model_copy(update={"cache": "off"}))
    with listening(app) as address, Client(address, person.token) as client:
        client.ask(asked)  # the server has begun, and set how it traces
        spans = traced(ratio)
        answers = [client.ask(asked) for _ in range(8)]
    assert app.state.services.at_hand.fetched >= 3
    told = [re.search(rb"traceresponse: 00-(\w{32})-", each) for each in answers]
    found = spans.get_finished_spans()
    requests = {each.context.trace_id: each for each in found if each.name == "POST /graphql"}
    assert [each and int(each[1], 16) in requests for each in told] == [True if ratio else None] * 8
    assert len(requests) == 8 * ratio
    assert {each.parent.span_id for each in found if each.name == "SELECT"} == {
        each.context.span_id for each in requests.values()
    }
    assert {each.attributes["http.response.status_code"] for each in requests.values()} <= {200}


def test_what_cannot_be_fetched_is_executed(settings, db, person, asked):
    """What was counted is given back, and the next requests go the long way at once."""
    app = create_app(settings.model_copy(update={"cache": "off"}))
    at_hand = app.state.services.at_hand
    drop, add = (
        "ALTER TABLE activities RENAME name TO old",
        "ALTER TABLE activities RENAME old TO name",
    )
    with listening(app) as address, Client(address, person.token) as client:
        whole = [client.ask(asked) for _ in range(8)][-1]
        before = at_hand.fetched
        assert before >= 1
        db.execute(text(drop))
        try:
            failed = client.ask(asked)
        finally:
            db.execute(text(add))
        assert b'"errors"' in failed
        assert at_hand.fetched == before
        assert lasting(client.ask(asked)) == lasting(whole)


@pytest.mark.parametrize("cache", ["on", "off"])
def test_too_long_answers_are_refused_each_time(settings, db, person, cache):
    for number in range(400):
        make.create_activity(db, person.athlete_id, name=f"{number} of many, {'long ' * 20}")
    body, _ = FETCHED["a long list"]
    query = {"query": f"{{ viewer {{ athlete {body['query']} }} }}"}
    app = create_app(settings.model_copy(update={"cache": cache, "answer_max_bytes": 64 * 1024}))
    with listening(app) as address, Client(address, person.token) as client:
        answers = [client.ask(query) for _ in range(4)]
    assert all(b"ANSWER_TOO_LARGE" in each for each in answers)


def test_what_fails_when_it_is_fetched_is_not_run_again(settings, db, person, asked, monkeypatch):
    """It is told of by the long way: after the same statement it would fail as before, and be paid twice."""
    fetches, fetch = [], AsyncDatabase.fetch_rows_once

    async def counted(*arguments, **named):
        fetches.append(arguments)
        return await fetch(*arguments, **named)

    monkeypatch.setattr(AsyncDatabase, "fetch_rows_once", counted)
    for number in range(400):
        make.create_activity(db, person.athlete_id, name=f"{number} of many, {'long ' * 20}")
    many, _ = FETCHED["a long list"]
    changed = {"cache": "off", "answer_max_bytes": 64 * 1024, "database_statement_timeout_ms": 400}
    app = create_app(settings.model_copy(update=changed | {"cost_refill_user_per_s": 0.001}))
    at_hand = app.state.services.at_hand
    with listening(app) as address:
        long_way = Client(address, person.token, b"x-request-id: of-the-long-way\r\n")
        with long_way, Client(address, person.token) as client:
            costs = {long_way: [], client: []}
            for each in (long_way, client) * 5:
                before, fetches[:] = left(each), []
                assert b"ANSWER_TOO_LARGE" in (refused := each.ask(many))
                assert re.match(rb"HTTP/1.1 422", refused)
                assert len(fetches) == 1
                costs[each].append(before - left(each))
            assert min(costs[client]) <= 1.5 * min(costs[long_way])
            whole = [client.ask(asked) for _ in range(8)][-1]
            assert at_hand.fetched
            db.exec_driver_sql("BEGIN; LOCK TABLE activities IN ACCESS EXCLUSIVE MODE")
            try:
                fetches[:] = []
                assert b"TIMEOUT" in client.ask(asked)
                assert len(fetches) == 1
            finally:
                db.exec_driver_sql("ROLLBACK")
            assert lasting(client.ask(asked)) == lasting(whole)


def left(client: Client) -> int:
    """What is left of the budget, before this asked."""
    answer = client.ask({"query": "{ __typename }"})
    cost = json.loads(answer.partition(b"\r\n\r\n")[2])["extensions"]["cost"]
    return cost["remaining"] + cost["actual"] + cost["work"]


@pytest.mark.parametrize("cache", ["on", "off"])
def test_a_request_waits_for_a_slot_once(settings, person, asked, cache):
    """Both ways take one. What waited in vain on the short one is refused by the long one at once."""
    changed = {"cache": cache, "concurrent_operations": 1, "operation_wait_s": 0.6}
    app = create_app(settings.model_copy(update=changed))
    queue, at_hand = app.state.services.limits.fair_queue, app.state.services.at_hand
    with listening(app) as address, Client(address, person.token) as client:
        for _ in range(8):
            client.ask(asked)
        assert at_hand.answered + at_hand.fetched >= 3
        assert queue.try_acquire(f"account:{person.account_id}")
        began = time.monotonic()
        assert b"TOO_MANY_OPERATIONS" in client.ask(asked)
        assert 0.5 < time.monotonic() - began < 1
        assert (queue.waited, queue.refused) == (1, 1)


def test_others_do_not_get_it(app, address, db, person, asked):
    """Callers with the same request, and a token that ends."""
    other = make.create_person(db)
    with Client(address, person.token) as client, Client(address, other.token) as stranger:
        own = [client.ask(asked) for _ in range(4)][-1]
        assert b"hill" in own
        assert all(b"hill" not in stranger.ask(asked) for _ in range(4))
        assert app.state.services.at_hand.answered >= 2
        db.execute(text("DELETE FROM api_tokens WHERE account_id = :id"), {"id": person.account_id})
        until = time.monotonic() + 10
        while client.ask(asked).startswith(b"HTTP/1.1 200"):
            assert time.monotonic() < until


def test_budgets_end_as_on_the_long_way(settings, db, person, asked):
    limits = {"cost_bucket_user": 200, "cost_refill_user_per_s": 0.01, "request_bucket_ip": 500,
              "request_refill_ip_per_s": 0.01}  # fmt: skip
    ends = []
    for is_one_connection in (True, False):
        app = create_app(settings.model_copy(update=limits))
        token = make.create_token(db, make.create_account(db, athlete_id=None))
        public = {"query": GRADE}
        with listening(app) as address, Client(address, token) as client:
            count = 0
            while b"RATE_LIMITED" not in (
                client.ask(public) if is_one_connection else fresh(address, token, public)
            ):
                count += 1
        ends.append(count)
        assert bool(app.state.services.at_hand.answered) == is_one_connection
    assert ends[0] == ends[1] > 2


def fresh(address: str, token: str, body: dict) -> bytes:
    with Client(address, token, b"x-time: %d\r\n" % time.monotonic_ns()) as client:
        return client.ask(body)


def test_its_line_of_the_log_is_the_same(app, settings, monkeypatch, person, asked):
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with logs_restored():
        logs.set_up(settings.model_copy(update={"log_format": "json"}), "api")
        with listening(app) as address, Client(address, person.token) as client:
            answers = [client.ask(asked) for _ in range(5)]
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    lines = [line for line in lines if line["logger"] == "pacegraph.request"]
    assert app.state.services.at_hand.answered >= 2
    assert [list(line) for line in lines] == [list(lines[0])] * 5
    varying = ("timestamp", "request_id", "duration_ms")
    kept = [{name: line[name] for name in line if name not in varying} for line in lines]
    assert kept == [kept[0]] * 5
    assert kept[0]["athlete_id"] == str(person.athlete_id)
    ids = [re.search(rb"x-request-id: (\w+)", each)[1].decode() for each in answers]
    assert ids == [line["request_id"] for line in lines]


def test_requests_that_come_early_are_answered_in_their_order(app, address, person, asked):
    """In one piece, in pieces, and while the answer before is not there yet."""
    constants = [{"query": f"{{ {name}: __typename }}"} for name in ("aa", "bb", "cc")]
    with Client(address, person.token) as client:
        for body in (asked, asked, asked):
            client.ask(body)
        before = app.state.services.at_hand.answered
        sent = [asked, asked, *constants, asked, asked]
        for body in sent:
            client.socket.sendall(client.request(body))
            time.sleep(0.0005)
        for body in sent:
            assert (b"hill" if body is asked else body["query"][2:4].encode()) in client.answer()
        client.socket.sendall(b"".join(client.request(body) for body in sent))
        assert all(client.answer() for _ in sent)
        whole = client.request(asked)
        for part in (whole[:20], whole[20:-7], whole[-7:]):
            client.socket.sendall(part)
            time.sleep(0.01)
        assert b"hill" in client.answer()
        for _ in range(3):
            assert b"hill" in client.ask(asked)
        assert app.state.services.at_hand.answered > before + 1


def test_a_connection_is_closed_when_it_was_idle_and_not_before(app, person):
    options = {"http": ShortWayHttp, "log_config": None, "timeout_keep_alive": 0.4}
    with (
        http_server.listening(app, **options) as address,
        Client(address, person.token) as client,
    ):
        for _ in range(10):
            client.ask({"query": "{ __typename }"})
            time.sleep(0.1)
        assert (
            app.state.services.at_hand.answered >= 4
        )  # the others when a look-up of a second had ended
        assert client.socket.recv(1) == b""
