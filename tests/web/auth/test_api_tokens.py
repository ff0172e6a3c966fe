"""API tokens: what they may do, and when they end."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import HTTPConnection

from tests import factories as make
from web.auth.api_tokens import InvalidCredentials

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("change", ["revoked_at", "expires_at"])
async def test_a_token_that_ends_is_refused_where_it_was_known(db, identity, change):
    token = make.create_token(db, make.create_account(db))
    connection = HTTPConnection({"type": "http", "headers": []})
    assert (await identity.caller(connection, f"Bearer {token}")).viewer.account_id
    db.exec_driver_sql(f"UPDATE api_tokens SET {change} = now()")
    identity.forget_callers()
    with pytest.raises(InvalidCredentials):
        await identity.caller(connection, f"Bearer {token}")


async def test_a_known_token_ends_at_its_time(db, identity):
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    credential = f"Bearer {make.create_token(db, make.create_account(db), expires_at=soon)}"
    connection = HTTPConnection({"type": "http", "headers": []})
    caller = await identity.caller(connection, credential)
    assert caller.works_until == soon
    await asyncio.sleep(0.6)
    with pytest.raises(InvalidCredentials):
        await identity.caller(connection, credential)


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
    db, identity, given, is_admin, may
):
    token = make.create_token(db, make.create_account(db, is_admin=is_admin), scopes=given)
    caller = await identity.caller(
        HTTPConnection({"type": "http", "headers": []}), f"Bearer {token}"
    )
    assert " ".join(sorted(caller.scopes)) == may
    assert caller.viewer.is_admin is ("admin" in may)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "pace_test", "Bearer x\x00y"]
)
async def test_an_authorization_that_is_none_is_refused(identity, header):
    with pytest.raises(InvalidCredentials):
        await identity.caller(HTTPConnection({"type": "http", "headers": []}), header)
