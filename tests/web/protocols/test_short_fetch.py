"""Requests that are fetched together are answered, charged and logged as those that come alone."""

import io
import json
import sys
import time
from contextlib import ExitStack
from itertools import chain

import pytest
from sqlalchemy import text

import logs
from graph.global_id import encode_id
from tests import factories as make
from tests.logs.log_state import logs_restored
from tests.web.conftest import listening
from tests.web.protocols.raw_client import ATHLETE, Client, lasting
from web import create_app

CONNECTIONS, ROUNDS = 12, 6


@pytest.fixture
def bodies(db):
    """One document for four athletes, of whom one is not there, and another document."""
    ids = [make.create_athlete(db, first_name=f"Name{number}") for number in range(3)]
    for each in ids:
        make.create_activity(db, each, name=f"of {each}")
    asked = [
        {"query": ATHLETE, "variables": {"id": encode_id("Athlete", each)}} for each in (*ids, 7)
    ]
    return [*asked, {"query": "{ athletes { nodes { firstName } } }"}]


@pytest.fixture
def admin(db):
    return make.create_admin(db)


@pytest.mark.parametrize("slots", [2, 20])
def test_those_that_come_together_are_answered_as_alone(
    settings, admin, bodies, slots, monkeypatch
):
    changed = {"cache": "off", "concurrent_operations": slots, "log_format": "json"}
    app = create_app(settings.model_copy(update=changed))
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with logs_restored(), listening(app) as address, ExitStack() as opened:
        logs.set_up(settings.model_copy(update=changed), "api")
        clients = [opened.enter_context(Client(address, admin.token)) for _ in range(CONNECTIONS)]
        alone = [lasting([clients[0].ask(body) for _ in range(4)][-1]) for body in bodies]
        before, lines = app.state.services.at_hand.fetched, len(stream.getvalue().splitlines())
        charged = app.state.services.budgets.charged - app.state.services.budgets.refunded
        for turn in range(ROUNDS):
            chosen = [(number * turn) % len(bodies) for number in range(CONNECTIONS)]
            for client, number in zip(clients, chosen, strict=True):
                client.socket.sendall(client.request(bodies[number]))
            for client, number in zip(clients, chosen, strict=True):
                assert lasting(client.answer()) == alone[number]
        services = app.state.services
        assert services.at_hand.fetched >= before + CONNECTIONS * (ROUNDS - 1)
        assert services.limits.fair_queue.under_way == 0
        assert services.budgets.charged - services.budgets.refunded >= charged + before
    logged = [json.loads(line) for line in stream.getvalue().splitlines()[lines:]]
    ended = [each for each in logged if each["message"] == "request"]
    assert len({each["request_id"] for each in ended}) == len(ended) == CONNECTIONS * ROUNDS
    assert {each["status"] for each in ended} == {200}


def test_callers_that_ask_alike_get_their_own(settings, db):
    """At the same time, with the same document, by connections that all have known heads."""
    people = [make.create_person(db) for _ in range(4)]
    rename = text("UPDATE athletes SET first_name = :name WHERE id = :id")
    for each in people:
        db.execute(rename, {"name": f"Own{each.account_id}", "id": each.athlete_id})
        make.create_activity(db, each.athlete_id, name=f"run of {each.account_id}")
    body = {"query": "{ viewer { athlete { firstName activities { nodes { name } } } } }"}
    app = create_app(settings.model_copy(update={"cache": "off"}))
    with listening(app) as address, ExitStack() as opened:
        clients = {
            each: [opened.enter_context(Client(address, each.token)) for _ in range(3)]
            for each in people
        }
        for _ in range(25):
            for each in chain(*clients.values()):
                each.socket.sendall(each.request(body))
            for person, own in clients.items():
                for answer in [each.answer() for each in own]:
                    assert answer.count(b"Own%d" % person.account_id) == 1
                    assert answer.count(b"run of %d" % person.account_id) == 1
                    assert answer.count(b"run of") == answer.count(b"Own") == 1
    assert app.state.services.at_hand.fetched >= 200


def test_time_in_line_is_no_part_of_a_slow_operation(settings, db, admin, bodies):
    changed = {"cache": "off", "concurrent_operations": 1, "slow_operation_ms": 300}
    app = create_app(settings.model_copy(update=changed))
    at_hand, slow = app.state.services.at_hand, app.state.services.slow_operations
    with (
        listening(app) as address,
        Client(address, admin.token) as first,
        Client(address, admin.token) as second,
    ):
        for client, body in ((first, bodies[4]), (second, bodies[0])):
            for _ in range(8):
                client.ask(body)
        before, fetched = slow.logged, at_hand.fetched
        db.exec_driver_sql("BEGIN; LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
        try:
            first.socket.sendall(first.request(bodies[4]))
            time.sleep(0.1)
            second.socket.sendall(second.request(bodies[0]))
            time.sleep(0.5)
        finally:
            db.exec_driver_sql("ROLLBACK")
        assert all(b"firstName" in each.answer() for each in (first, second))
        assert at_hand.fetched == fetched + 2
        assert slow.logged == before + 1


def test_each_sees_what_was_written_before_it(settings, db, admin, bodies):
    """However many ask meanwhile."""
    app = create_app(settings.model_copy(update={"cache": "off"}))
    rename = text("UPDATE athletes SET first_name = :name WHERE first_name LIKE 'Name%'")
    with listening(app) as address, ExitStack() as opened:
        clients = [opened.enter_context(Client(address, admin.token)) for _ in range(6)]
        for client in clients:
            client.ask(bodies[0])
        for number in range(30):
            for client in clients[1:]:
                client.socket.sendall(client.request(bodies[0]))
            db.execute(rename, {"name": f"Name{number}x"})
            assert b"Name%dx" % number in clients[0].ask(bodies[0])
            for client in clients[1:]:
                client.answer()
    assert app.state.services.at_hand.fetched >= 100


def test_who_waits_in_line_too_long_is_refused(settings, admin, bodies):
    changed = {"cache": "off", "concurrent_operations": 1, "operation_wait_s": 0.4}
    app = create_app(settings.model_copy(update=changed))
    queue = app.state.services.limits.fair_queue
    with listening(app) as address, Client(address, admin.token) as client:
        known = lasting([client.ask(bodies[0]) for _ in range(8)][-1])
        key = f"account:{admin.account_id}"
        assert queue.try_acquire(key)
        began = time.monotonic()
        assert b"TOO_MANY_OPERATIONS" in client.ask(bodies[0])
        assert 0.3 < time.monotonic() - began < 2
        queue.release(key)
        assert lasting(client.ask(bodies[0])) == known
    assert queue.under_way == 0
