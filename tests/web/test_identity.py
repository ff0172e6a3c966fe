"""Who a caller is: sessions that are renewed and ended, tokens that expire and are revoked, and how soon it counts."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import HTTPConnection

from db.session import AsyncDatabase
from flags.flags import Flags
from graph.execution import Answer
from tests import factories as make
from tests.web.subscriber import cookie_of
from web.identity import RENEWED_SESSION, InvalidCredentials, Sessions
from web.reply import Exchange, of_answer

pytestmark = pytest.mark.anyio

LIFETIME = timedelta(days=30)


@pytest.fixture
async def database(settings):
    database = AsyncDatabase(settings, application_name="test")
    yield database
    await database.close()


@pytest.fixture
def sessions(settings):
    return Sessions(settings, Flags(settings))


def with_cookie(sessions, cookie):
    """A connection of a browser that holds a session's cookie."""
    value = sessions.cookies.session_header(cookie).partition(";")[0]
    return HTTPConnection({"type": "http", "headers": [(b"cookie", value.encode())]})


def session_of(db, sessions, account=None, *, age=timedelta(0)):
    """A session's first cookie, issued `age` ago."""
    account = account if account is not None else make.create_account(db)
    cookie = sessions.cookies.new_session(make.create_session(db, account), account, 0)
    return replace(cookie, issued_at=cookie.issued_at - age, expires_at=cookie.expires_at - age)


def renewal_of(sessions, connection):
    """The cookie that the answer renews the session with; None without."""
    header = connection.scope.get("state", {}).get(RENEWED_SESSION)
    return header and sessions.cookies.read_session(header.decode().partition("=")[2].partition(";")[0])


async def account_of(sessions, database, connection):
    return (await sessions.caller(database, connection, None)).viewer.account_id


# --- renewal


@pytest.mark.parametrize(("age", "is_renewed"), [(timedelta(days=2), False), (timedelta(days=4), True)], ids=str)
async def test_a_session_in_use_is_renewed_after_a_tenth_of_its_time(db, database, sessions, age, is_renewed):
    old = session_of(db, sessions, age=age)
    connection = with_cookie(sessions, old)
    assert await account_of(sessions, database, connection) == old.account_id
    new = renewal_of(sessions, connection)
    assert (new is not None) is is_renewed
    if new:
        assert (new.session_id, new.generation) == (old.session_id, 1)
        assert abs(datetime.now(UTC) + LIFETIME - new.expires_at) < timedelta(seconds=5)
        assert await account_of(sessions, database, with_cookie(sessions, new)) == old.account_id


async def test_a_renewed_session_is_kept_as_long_as_its_cookie(db, database, sessions):
    old = session_of(db, sessions, age=timedelta(days=29))
    await sessions.caller(database, with_cookie(sessions, old), None)
    kept = db.exec_driver_sql("SELECT expires_at FROM browser_sessions").scalar_one()
    assert kept > datetime.now(UTC) + timedelta(days=29)


async def test_an_old_cookie_ends_a_minute_after_the_new_one_came_back(db, database, sessions):
    old = session_of(db, sessions, age=timedelta(days=4))
    connection = with_cookie(sessions, old)
    await sessions.caller(database, connection, None)
    new = renewal_of(sessions, connection)
    assert await account_of(sessions, database, with_cookie(sessions, old))  # the browser may never have got the new
    assert await account_of(sessions, database, with_cookie(sessions, new))
    sessions.forget_callers()
    assert await account_of(sessions, database, with_cookie(sessions, old))  # on its way when the new one came
    db.exec_driver_sql("UPDATE browser_sessions SET generation_since = now() - interval '61 seconds'")
    sessions.forget_callers()
    assert await account_of(sessions, database, with_cookie(sessions, old)) is None
    assert await account_of(sessions, database, with_cookie(sessions, new))


async def test_a_connection_goes_on_while_the_browsers_cookie_is_renewed(db, database, sessions):
    """A WebSocket shows the cookie of its handshake for as long as it is open."""
    old = session_of(db, sessions)
    connection = with_cookie(sessions, old)
    assert await account_of(sessions, database, connection)
    db.exec_driver_sql(
        "UPDATE browser_sessions SET generation = 1, generation_since = generation_since - interval '1 h'"
    )
    sessions.forget_callers()
    assert await account_of(sessions, database, connection) == old.account_id
    assert await account_of(sessions, database, with_cookie(sessions, old)) is None
    db.exec_driver_sql("DELETE FROM browser_sessions")
    sessions.forget_callers()
    assert await account_of(sessions, database, connection) is None


async def test_the_answer_carries_the_renewed_session(api, db, settings):
    sessions = api.app.state.services.sessions
    old = session_of(db, sessions, age=timedelta(days=4))
    headers = {"cookie": sessions.cookies.session_header(old).partition(";")[0]}
    response = await api.http.post("/graphql", json={"query": "{ viewer { scopes } }"}, headers=headers)
    [cookie] = response.headers.get_list("set-cookie")
    assert sessions.cookies.read_session(cookie.partition("=")[2].partition(";")[0]).generation == 1
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))


@pytest.mark.parametrize(("age", "is_public"), [(timedelta(0), True), (timedelta(days=4), False)], ids=str)
async def test_an_answer_that_renews_a_session_is_kept_by_no_shared_cache(db, database, sessions, age, is_public):
    """Else the cache would sign others in."""
    connection = with_cookie(sessions, session_of(db, sessions, age=age))
    await sessions.caller(database, connection, None)
    exchange = Exchange(connection.scope, {}, request_id="r", address="192.0.2.1", is_safe=True)
    reply = await of_answer(exchange, Answer(b'{"data":{}}', public_s=60))
    assert ((b"cache-control", b"public, max-age=60") in reply.headers) is is_public


# --- what counts how soon


async def test_a_session_ends_with_its_cookies_time(db, database, sessions):
    over = session_of(db, sessions, age=LIFETIME + timedelta(seconds=1))
    assert await account_of(sessions, database, with_cookie(sessions, over)) is None
    soon = session_of(db, sessions, age=LIFETIME - timedelta(seconds=2))
    assert await account_of(sessions, database, with_cookie(sessions, soon))
    await asyncio.sleep(2)
    assert await account_of(sessions, database, with_cookie(sessions, soon)) is None


ENDINGS = {
    "signed out": "DELETE FROM browser_sessions",
    "signed out everywhere": "UPDATE accounts SET session_epoch = session_epoch + 1",
    "erased": "DELETE FROM accounts",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_what_another_process_ends_ends_here_within_a_second_or_two(db, database, sessions, ending):
    connection = with_cookie(sessions, session_of(db, sessions))
    assert await account_of(sessions, database, connection)
    db.exec_driver_sql(ending)
    await asyncio.sleep(1.05)
    await account_of(sessions, database, connection)  # this look may be answered from memory, and begins a new one
    await asyncio.sleep(0.1)
    assert await account_of(sessions, database, connection) is None


async def test_administration_begins_and_ends_within_a_second_or_two(db, database, sessions):
    account = make.create_account(db)
    connection = with_cookie(sessions, session_of(db, sessions, account))

    async def is_admin():
        await sessions.caller(database, connection, None)
        await asyncio.sleep(0.1)
        return (await sessions.caller(database, connection, None)).viewer.is_admin

    for wanted in (True, False):
        assert await is_admin() is not wanted
        db.exec_driver_sql("UPDATE accounts SET is_admin = NOT is_admin")
        await asyncio.sleep(1.05)
        assert await is_admin() is wanted


@pytest.mark.parametrize("change", ["revoked_at", "expires_at"])
async def test_a_token_that_ends_is_refused_where_it_was_known(db, database, sessions, change):
    token = make.create_token(db, make.create_account(db))
    credential = sessions.credential_of(HTTPConnection({"type": "http", "headers": []}), f"Bearer {token}")
    assert (await sessions.caller_of(database, credential)).viewer.account_id
    db.exec_driver_sql(f"UPDATE api_tokens SET {change} = now()")
    sessions.forget_callers()
    with pytest.raises(InvalidCredentials):
        await sessions.caller_of(database, credential)


async def test_a_known_token_ends_at_its_time(db, database, sessions):
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    credential = f"Bearer {make.create_token(db, make.create_account(db), expires_at=soon)}"
    connection = HTTPConnection({"type": "http", "headers": []})
    caller = await sessions.caller(database, connection, credential)
    assert caller.works_until == soon
    await asyncio.sleep(0.6)
    with pytest.raises(InvalidCredentials):
        await sessions.caller(database, connection, credential)


async def test_a_hundred_requests_at_once_look_up_once(db, database, sessions):
    credential = f"Bearer {make.create_token(db, make.create_account(db))}"
    looked = []
    read = database.read
    database.read = lambda: looked.append(1) or read()
    connection = HTTPConnection({"type": "http", "headers": []})
    await asyncio.gather(*(sessions.caller(database, connection, credential) for _ in range(100)))
    assert len(looked) <= 2  # the look, and the note of the use


# --- what a token may do


@pytest.mark.parametrize(
    ("given", "is_admin", "may"),
    [
        (["read"], False, "read"),
        (["sync"], False, "read sync"),
        (["read", "admin"], True, "admin read sync"),
        (["admin"], True, "admin read sync"),
        (["admin"], False, ""),
        (["read", "sync", "admin"], False, "read sync"),
    ],
    ids=str,
)
async def test_a_scope_includes_lesser_ones_and_is_no_more_than_the_accounts(
    db, database, sessions, given, is_admin, may
):
    token = make.create_token(db, make.create_account(db, is_admin=is_admin), scopes=given)
    caller = await sessions.caller(database, HTTPConnection({"type": "http", "headers": []}), f"Bearer {token}")
    assert " ".join(sorted(caller.scopes)) == may
    assert caller.viewer.is_admin is ("admin" in may)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "pace_test", "Bearer x\x00y"])
async def test_an_authorization_that_is_none_is_refused(database, sessions, header):
    with pytest.raises(InvalidCredentials):
        await sessions.caller(database, HTTPConnection({"type": "http", "headers": []}), header)


async def test_an_empty_authorization_is_nobodys(settings, api, db):
    """So do many frontends while nobody is signed in: `token ? `Bearer ${token}` : ""`."""
    person = make.create_person(db)
    query = {"query": "{ viewer { scopes } }"}
    for headers in ({}, {"cookie": cookie_of(settings, db, person)}):
        answer = await api.http.post("/graphql", json=query, headers={**headers, "authorization": ""})
        assert answer.json() == {"data": {"viewer": None}} | {"extensions": answer.json()["extensions"]}


async def test_a_token_elsewhere_than_in_its_header_is_nobodys(api, db):
    token = make.create_person(db).token
    query = {"query": "{ viewer { scopes } }"}
    for headers in ({"cookie": f"pacegraph_session={token}"}, {"x-api-key": token}):
        assert (await api.http.post("/graphql", json=query, headers=headers)).json()["data"]["viewer"] is None
    for name in ("access_token", "token", "authorization"):
        answer = await api.http.post("/graphql", params={name: token}, json=query)
        assert answer.json().get("data", {"viewer": None})["viewer"] is None


async def test_whoever_asks_is_served_although_the_use_cannot_be_noted(db, database, sessions):
    token = make.create_token(db, make.create_account(db))
    db.exec_driver_sql("ALTER DATABASE current_database SET default_transaction_read_only = on".replace(
        "current_database", db.exec_driver_sql("SELECT current_database()").scalar_one()
    ))  # fmt: skip
    connection = HTTPConnection({"type": "http", "headers": []})
    assert (await sessions.caller(database, connection, f"Bearer {token}")).viewer.account_id


def test_a_credential_does_not_show_itself(sessions):
    connection = HTTPConnection({"type": "http", "headers": []})
    assert "pace_secret" not in repr(sessions.credential_of(connection, "Bearer pace_secret"))
