"""Sessions of browsers: renewed in use, and ended."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import HTTPConnection

from flags.flags import Flags
from graph.operation_request import OperationResult
from tests import factories as make
from tests.web.auth.browser import account_of, renewal_of, session_of, with_cookie
from web.auth.browser_sessions import BrowserSessions
from web.auth.cookies import Cookies
from web.auth.identity import Identity
from web.protocols.response import Exchange, from_result

pytestmark = pytest.mark.anyio

LIFETIME = timedelta(days=30)


@pytest.mark.parametrize(
    ("age", "is_renewed"), [(timedelta(days=2), False), (timedelta(days=4), True)], ids=str
)
async def test_a_session_in_use_is_renewed_after_a_tenth_of_its_time(
    db, identity, sessions, age, is_renewed
):
    old = session_of(db, sessions, age=age)
    connection = with_cookie(sessions, old)
    assert await account_of(identity, connection) == old.account_id
    new = renewal_of(sessions, connection)
    assert (new is not None) is is_renewed
    if new:
        assert (new.session_id, new.generation) == (old.session_id, 1)
        assert abs(datetime.now(UTC) + LIFETIME - new.expires_at) < timedelta(seconds=5)
        assert await account_of(identity, with_cookie(sessions, new)) == old.account_id


async def test_a_renewed_session_is_kept_as_long_as_its_cookie(db, identity, sessions):
    old = session_of(db, sessions, age=timedelta(days=29))
    await identity.caller(with_cookie(sessions, old), None)
    kept = db.exec_driver_sql("SELECT expires_at FROM browser_sessions").scalar_one()
    assert kept > datetime.now(UTC) + timedelta(days=29)


def a_minute_passes(db):
    db.exec_driver_sql(
        "UPDATE browser_sessions SET generation_since = generation_since - interval '61 seconds', "
        "renewed_at = renewed_at - interval '61 seconds'"
    )


async def renewed(identity, sessions, cookie):
    connection = with_cookie(sessions, cookie)
    await identity.caller(connection, None)
    return renewal_of(sessions, connection)


async def test_an_old_cookie_ends_a_minute_after_the_new_one_came_back(db, identity, sessions):
    old = session_of(db, sessions, age=timedelta(days=4))
    new = await renewed(identity, sessions, old)
    # the browser may never have got the new
    assert await account_of(identity, with_cookie(sessions, old))
    assert await account_of(identity, with_cookie(sessions, new))
    identity.forget_callers()
    # on its way when the new one came
    assert await account_of(identity, with_cookie(sessions, old))
    a_minute_passes(db)
    identity.forget_callers()
    assert await account_of(identity, with_cookie(sessions, new))
    assert await account_of(identity, with_cookie(sessions, old)) is None


async def test_an_old_cookie_that_comes_back_later_ends_the_session(db, identity, sessions, caplog):
    """Two hold it, and nobody can say who stole it."""
    account = make.create_account(db)
    old = session_of(db, sessions, account, age=timedelta(days=4))
    other = session_of(db, sessions, account)
    new = await renewed(identity, sessions, old)
    held = with_cookie(sessions, new)
    assert await account_of(identity, held) == account
    a_minute_passes(db)
    identity.forget_callers()
    assert await account_of(identity, with_cookie(sessions, new)) == account
    assert await account_of(identity, with_cookie(sessions, old)) is None
    # at once, although its caller was known
    assert await account_of(identity, with_cookie(sessions, new)) is None
    assert await account_of(identity, held) is None
    assert await account_of(identity, with_cookie(sessions, other)) == account
    assert sessions.reused == 1
    [line] = [each for each in caplog.records if "perhaps it was stolen" in each.message]
    assert (line.session_id, line.account_id) == (old.session_id, account)
    assert await account_of(identity, with_cookie(sessions, old)) is None
    assert sessions.reused == 1


async def test_requests_at_once_get_one_renewal(db, identity, sessions, settings, database, turns):
    """Tabs of one browser stay signed in, and of two who hold a cookie only one goes on."""
    old = session_of(db, sessions, age=timedelta(days=4))
    another_process = Identity(database, BrowserSessions(settings), Flags(settings), turns)
    found = [await renewed(each, sessions, old) for each in (identity, another_process) * 3]
    assert [each.generation for each in found if each] == [1]
    a_minute_passes(db)
    identity.forget_callers()
    assert (await renewed(identity, sessions, old)).generation == 2  # that answer got lost


async def test_two_who_renew_the_same_cookie_are_noticed(db, identity, sessions):
    old = session_of(db, sessions, age=timedelta(days=4))
    owner = await renewed(identity, sessions, old)
    a_minute_passes(db)
    identity.forget_callers()
    thief = await renewed(identity, sessions, old)
    for each in (owner, thief):
        assert await account_of(identity, with_cookie(sessions, each))
    a_minute_passes(db)
    identity.forget_callers()
    assert await account_of(identity, with_cookie(sessions, owner)) is None
    assert await account_of(identity, with_cookie(sessions, thief)) is None


async def test_a_handshake_of_a_websocket_takes_no_renewal(db, identity, sessions):
    old = session_of(db, sessions, age=timedelta(days=4))
    request = with_cookie(sessions, old)
    connection = HTTPConnection({**request.scope, "type": "websocket"})
    assert await account_of(identity, connection)
    assert await account_of(identity, request)
    assert renewal_of(sessions, connection) is None
    assert renewal_of(sessions, request).generation == 1


async def test_a_session_has_a_last_day_however_much_it_is_used(db, identity, sessions):
    signed_in_at = datetime.now(UTC) - timedelta(days=80)
    old = session_of(db, sessions, age=timedelta(days=4), created_at=signed_in_at)
    new = await renewed(identity, sessions, old)
    assert abs(signed_in_at + timedelta(days=90) - new.expires_at) < timedelta(seconds=2)
    # renewed as often as before, so that two holders are noticed
    assert (await renewed(identity, sessions, replace(new, issued_at=old.issued_at))) is None
    a_minute_passes(db)
    identity.forget_callers()
    last = await renewed(identity, sessions, replace(new, issued_at=old.issued_at))
    assert (last.generation, last.expires_at) == (2, new.expires_at)
    connection = with_cookie(sessions, last)
    assert await account_of(identity, connection)
    db.exec_driver_sql("UPDATE browser_sessions SET created_at = created_at - interval '10 days'")
    identity.forget_callers()
    for each in (connection, with_cookie(sessions, last)):
        assert await account_of(identity, each) is None


async def test_cookies_of_older_versions_go_on_to_their_own_end(db, identity, sessions):
    signed_in_at = datetime.now(UTC) - timedelta(days=200)
    cookie = session_of(db, sessions, age=timedelta(days=4), created_at=signed_in_at)
    old = replace(cookie, has_last_day=False)
    connection = with_cookie(sessions, old)
    assert await account_of(identity, connection) == old.account_id
    assert renewal_of(sessions, connection) is None
    assert await account_of(identity, with_cookie(sessions, cookie)) is None


async def test_a_connection_goes_on_while_the_browsers_cookie_is_renewed(db, identity, sessions):
    """A WebSocket shows the cookie of its handshake for as long as it is open."""
    old = session_of(db, sessions)
    connection = with_cookie(sessions, old)
    assert await account_of(identity, connection)
    db.exec_driver_sql(
        "UPDATE browser_sessions SET generation = 1, generation_since = generation_since - interval '1 h'"
    )
    identity.forget_callers()
    assert await account_of(identity, connection) == old.account_id
    assert await account_of(identity, with_cookie(sessions, old)) is None
    db.exec_driver_sql("DELETE FROM browser_sessions")
    identity.forget_callers()
    assert await account_of(identity, connection) is None


async def test_the_answer_carries_the_renewed_session(api, db, settings):
    sessions = api.app.state.services.sessions
    old = session_of(db, sessions, age=timedelta(days=4))
    headers = {"cookie": sessions.cookies.session_header(old).partition(";")[0]}
    response = await api.http.post(
        "/graphql", json={"query": "{ viewer { scopes } }"}, headers=headers
    )
    [cookie] = response.headers.get_list("set-cookie")
    assert sessions.cookies.read_session(cookie.partition("=")[2].partition(";")[0]).generation == 1
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))


@pytest.mark.parametrize(
    ("age", "is_public"), [(timedelta(0), True), (timedelta(days=4), False)], ids=str
)
async def test_an_answer_that_renews_a_session_is_kept_by_no_shared_cache(
    db, identity, sessions, age, is_public
):
    """Else the cache would sign others in."""
    connection = with_cookie(sessions, session_of(db, sessions, age=age))
    await identity.caller(connection, None)
    exchange = Exchange(connection.scope, {}, request_id="r", address="192.0.2.1", is_safe=True)
    reply = await from_result(exchange, OperationResult(b'{"data":{}}', public_s=60))
    assert ((b"cache-control", b"public, max-age=60") in reply.headers) is is_public


async def test_a_session_ends_with_its_cookies_time(db, identity, sessions):
    over = session_of(db, sessions, age=LIFETIME + timedelta(seconds=1))
    assert await account_of(identity, with_cookie(sessions, over)) is None
    soon = session_of(db, sessions, age=LIFETIME - timedelta(seconds=2))
    assert await account_of(identity, with_cookie(sessions, soon))
    await asyncio.sleep(2)
    assert await account_of(identity, with_cookie(sessions, soon)) is None


def test_a_cookie_longer_than_browsers_keep_is_not_decoded(settings, monkeypatch):
    """It would take the event loop for milliseconds."""
    monkeypatch.setattr("web.auth.cookies.jwt", None)
    cookies = Cookies(settings)
    assert cookies.read_session("eyJhbGciOiJIUzI1NiJ9." + "A" * 4100 + ".b") is None
    assert cookies.sign_in_of({cookies._sign_in_name("x"): "a" * 5000}, "x") is None
