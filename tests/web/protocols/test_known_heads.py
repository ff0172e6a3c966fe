"""Heads that came again from an address are known on its other connections, too."""

import time
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from tests import http_server
from tests.web.conftest import listening
from tests.web.protocols.raw_client import Client, asked, lasting
from web import create_app
from web.http.short_way import ShortWayHttp

__all__ = ["asked"]

CONSTANT = {"query": "{ __typename }"}


@pytest.fixture
def app(settings):
    return create_app(settings)


def test_a_new_connection_goes_it_at_once_with_a_head_that_came_again(app, person):
    """Its time for a head ends with that, and its time to be idle begins."""
    options = {"http": ShortWayHttp, "log_config": None, "timeout_keep_alive": 1}
    with http_server.listening(app, **options) as address:
        with Client(address, person.token) as client:
            known = [client.ask(CONSTANT) for _ in range(3)]
        at_hand = app.state.services.at_hand
        before = at_hand.answered
        with Client(address, person.token) as client, Client(address, person.token) as slow:
            assert lasting(client.ask(CONSTANT)) == lasting(known[0])
            assert at_hand.answered == before + 1
            whole = slow.request(CONSTANT)
            slow.socket.sendall(whole[:-9])
            assert lasting(client.ask(CONSTANT)) == lasting(known[0])
            slow.socket.sendall(whole[-9:])
            assert lasting(slow.answer()) == lasting(known[0])
            assert at_hand.answered == before + 2  # not what came in pieces
            assert client.socket.recv(1) == b""
        with Client(address, person.token, b"x-other: 1\r\n") as client:
            client.ask(CONSTANT)
            assert at_hand.answered == before + 2


def test_bodies_may_have_lengths_in_turn(app, person):
    bodies = [CONSTANT, {"query": "{ longer: __typename }"}] * 4
    with listening(app) as address, Client(address, person.token) as client:
        answers = [lasting(client.ask(each)) for each in bodies]
    assert answers == [*answers[:2]] * 4
    assert app.state.services.at_hand.answered == len(bodies) - 2 * 2


def test_what_is_at_hand_waits_for_a_slot_of_its_caller(settings, db, person, asked):
    app = create_app(settings.model_copy(update={"concurrent_operations": 1}))
    services = app.state.services
    slow = {"query": "{ viewer { athlete { gear { name } } } }"}
    with (
        listening(app) as address,
        Client(address, person.token) as client,
        Client(address, person.token) as other,
        db.engine.connect() as holder,
    ):
        known = [client.ask(asked) for _ in range(4)][-1]
        before = services.at_hand.answered
        holder.execute(text("BEGIN"))
        holder.execute(text("LOCK TABLE gear IN ACCESS EXCLUSIVE MODE"))
        other.socket.sendall(other.request(slow))
        wait_until(lambda: services.limits.fair_queue.under_way)
        client.socket.sendall(client.request(asked))
        wait_until(lambda: services.limits.fair_queue.waiting)
        assert services.at_hand.answered == before
        holder.execute(text("ROLLBACK"))
        assert b"gear" in other.answer()
        assert lasting(client.answer()) == lasting(known)
        assert services.at_hand.answered == before + 1


def test_more_clients_in_turn_than_heads_are_kept_go_it_all_the_same(settings, person, monkeypatch):
    monkeypatch.setattr("web.http.short_way._MOST_SEEN", 2)
    monkeypatch.setattr("web.http.short_way._KEPT_BYTES", 3000)
    app = create_app(settings)
    with listening(app) as address, ExitStack() as opened:
        clients = [
            opened.enter_context(Client(address, person.token, b"x-number: %d\r\n" % number))
            for number in range(5)
        ]
        for _ in range(4):
            for client in clients:
                assert client.ask(CONSTANT).startswith(b"HTTP/1.1 200")
    assert app.state.services.at_hand.answered == 2 * len(clients)


def wait_until(is_so):
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.002)
