"""A stream lasts no longer than what let it in: within seconds it ends, wherever the token or
session was ended.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests import factories as make
from tests.web.subscriber import JOB, cookie_of, event_stream, web_socket

pytestmark = [pytest.mark.anyio, pytest.mark.whole]

SOON_S = 6
"""Another process heeds an ended token after two looks at most, two seconds apart, and what it
remembers.
"""


ENDED = {
    "revoked": "UPDATE api_tokens SET revoked_at = now()",
    "expired": "UPDATE api_tokens SET expires_at = now()",
    "deleted": "DELETE FROM api_tokens",
    "fewer scopes": "UPDATE api_tokens SET scopes = '{read}'",
}


@pytest.mark.parametrize("ended", ENDED)
async def test_a_token_that_ends_ends_its_socket(address, db, person, job, ended):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOB, id=job)
        await socket.next()
        db.exec_driver_sql(ENDED[ended])
        async with asyncio.timeout(SOON_S):
            code, reason = await socket.closed()
    assert code == 4403
    assert "Sign in, then connect again" in reason


async def test_a_token_that_ends_ends_its_event_stream(address, db, person, job):
    async with asyncio.timeout(20), event_stream(address, person.token, JOB, id=job) as events:
        await anext(events)
        db.exec_driver_sql("UPDATE api_tokens SET revoked_at = now()")
        async with asyncio.timeout(SOON_S):
            event, data = await anext(events)
            assert (event, data["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
            with pytest.raises(httpx.RemoteProtocolError):  # "complete" would keep clients away
                await anext(events)


async def test_an_idle_socket_ends_too(address, db, person):
    async with (
        asyncio.timeout(20),
        web_socket(address, authorization=f"Bearer {person.token}") as socket,
    ):
        await socket.begin()
        db.exec_driver_sql("UPDATE api_tokens SET revoked_at = now()")
        async with asyncio.timeout(SOON_S):
            assert (await socket.closed())[0] == 4403


async def test_a_token_expires_by_the_clock(address, db, person, job):
    expires_at = datetime.now(UTC) + timedelta(seconds=3)
    token = make.create_token(db, person.account_id, expires_at=expires_at)
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {token}")
        await socket.subscribe(JOB, id=job)
        await socket.next()
        assert (await socket.closed())[0] == 4403
    assert timedelta(0) <= datetime.now(UTC) - expires_at < timedelta(seconds=SOON_S)


async def test_signing_out_everywhere_ends_the_sockets_of_the_session(
    settings, address, db, person, job
):
    cookie, origin = cookie_of(settings, db, person), f"http://{address}"
    async with asyncio.timeout(20), web_socket(address, cookie=cookie, origin=origin) as socket:
        await socket.begin()
        await socket.subscribe(JOB, id=job)
        await socket.next()
        db.exec_driver_sql("UPDATE accounts SET session_epoch = session_epoch + 1")
        async with asyncio.timeout(SOON_S):
            assert (await socket.closed())[0] == 4403


async def test_signing_out_here_is_heeded_at_once(settings, address, db, person):
    cookie, origin = cookie_of(settings, db, person), f"http://{address}"
    async with asyncio.timeout(20), web_socket(address, cookie=cookie, origin=origin) as socket:
        await socket.begin()
        async with httpx.AsyncClient(
            trust_env=False, headers={"cookie": cookie, "origin": origin}
        ) as http:
            assert (await http.post(f"{origin}/auth/sign-out")).status_code == 204
        async with asyncio.timeout(3):
            assert (await socket.closed())[0] == 4403


async def test_an_admin_no_longer_sees_what_admins_see(address, db, job):
    admin = make.create_admin(db)
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin(Authorization=f"Bearer {admin.token}")
        await socket.subscribe(JOB, id=job)
        await socket.next()
        db.exec_driver_sql(f"UPDATE accounts SET is_admin = false WHERE id = {admin.account_id}")
        async with asyncio.timeout(SOON_S):
            assert (await socket.closed())[0] == 4403


async def test_who_was_never_signed_in_stays(address):
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin()
        await asyncio.sleep(SOON_S)
        await socket.subscribe("{ __typename }")
        await socket.next()


async def test_who_stays_signed_in_stays(settings, address, db, person, job):
    cookie, origin = cookie_of(settings, db, person), f"http://{address}"
    async with asyncio.timeout(20), web_socket(address, cookie=cookie, origin=origin) as socket:
        await socket.begin()
        await asyncio.sleep(SOON_S)
        await socket.subscribe("{ viewer { scopes } }")
        assert (await socket.next())["viewer"]["scopes"] == ["READ", "SYNC"]
