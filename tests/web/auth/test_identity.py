"""Who a caller is, and how soon a change counts."""

import asyncio

import pytest
from starlette.requests import HTTPConnection

from tests import factories as make
from tests.web.auth.browser import account_of, session_of, with_cookie
from tests.web.subscriber import cookie_of

pytestmark = pytest.mark.anyio


ENDINGS = {
    "signed out": "DELETE FROM browser_sessions",
    "signed out everywhere": "UPDATE accounts SET session_epoch = session_epoch + 1",
    "erased": "DELETE FROM accounts",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_what_another_process_ends_ends_here_within_a_second_or_two(
    db, identity, sessions, ending
):
    connection = with_cookie(sessions, session_of(db, sessions))
    assert await account_of(identity, connection)
    db.exec_driver_sql(ending)
    await asyncio.sleep(1.05)
    # this look may be answered from memory, and begins a new one
    await account_of(identity, connection)
    await asyncio.sleep(0.1)
    assert await account_of(identity, connection) is None


async def test_administration_begins_and_ends_within_a_second_or_two(db, identity, sessions):
    account = make.create_account(db)
    connection = with_cookie(sessions, session_of(db, sessions, account))

    async def is_admin():
        await identity.caller(connection, None)
        await asyncio.sleep(0.1)
        return (await identity.caller(connection, None)).viewer.is_admin

    for wanted in (True, False):
        assert await is_admin() is not wanted
        db.exec_driver_sql("UPDATE accounts SET is_admin = NOT is_admin")
        await asyncio.sleep(1.05)
        assert await is_admin() is wanted


async def test_an_empty_authorization_is_nobodys(settings, api, db):
    """So do many frontends while nobody is signed in: `token ? `Bearer ${token}` : ""`."""
    person = make.create_person(db)
    query = {"query": "{ viewer { scopes } }"}
    for headers in ({}, {"cookie": cookie_of(settings, db, person)}):
        answer = await api.http.post(
            "/graphql", json=query, headers={**headers, "authorization": ""}
        )
        assert answer.json() == {"data": {"viewer": None}} | {
            "extensions": answer.json()["extensions"]
        }


async def test_a_token_elsewhere_than_in_its_header_is_nobodys(api, db):
    token = make.create_person(db).token
    query = {"query": "{ viewer { scopes } }"}
    for headers in ({"cookie": f"pacegraph_session={token}"}, {"x-api-key": token}):
        assert (await api.http.post("/graphql", json=query, headers=headers)).json()["data"][
            "viewer"
        ] is None
    for name in ("access_token", "token", "authorization"):
        answer = await api.http.post("/graphql", params={name: token}, json=query)
        assert answer.json().get("data", {"viewer": None})["viewer"] is None


async def test_whoever_asks_is_served_although_the_use_cannot_be_noted(db, identity):
    token = make.create_token(db, make.create_account(db))
    db.exec_driver_sql("ALTER DATABASE current_database SET default_transaction_read_only = on".replace(
        "current_database", db.exec_driver_sql("SELECT current_database()").scalar_one()
    ))  # fmt: skip
    connection = HTTPConnection({"type": "http", "headers": []})
    assert (await identity.caller(connection, f"Bearer {token}")).viewer.account_id


async def test_a_hundred_requests_at_once_look_up_once(db, database, identity):
    credential = f"Bearer {make.create_token(db, make.create_account(db))}"
    looked = []
    read = database.read
    database.read = lambda: looked.append(1) or read()
    connection = HTTPConnection({"type": "http", "headers": []})
    await asyncio.gather(*(identity.caller(connection, credential) for _ in range(100)))
    assert len(looked) <= 2  # the look, and the note of the use
