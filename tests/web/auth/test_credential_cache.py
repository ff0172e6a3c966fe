"""Callers are remembered by their credentials for a moment, and looked up once at a time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from db.statements.visibility import Viewer
from graph.context import Caller
from web.auth.api_tokens import InvalidCredentials
from web.auth.credential_cache import Credential, CredentialCache, CredentialKind
from web.auth.known_caller import KnownCaller

pytestmark = pytest.mark.anyio

TOKEN = Credential(CredentialKind.TOKEN, "Bearer pace_secret")


class Accounts:
    """What look-ups find: an account, whose id counts them, until it has ended."""

    def __init__(self, works_until=None):
        self.look_ups, self.has_ended, self.works_until = 0, False, works_until

    async def __call__(self, _credential):
        self.look_ups += 1
        number = self.look_ups
        await asyncio.sleep(0.01)
        if self.has_ended:
            raise InvalidCredentials
        return KnownCaller.from_caller(Caller(Viewer(number), works_until=self.works_until))


async def found(cache, credential=TOKEN):
    return (await cache.find(credential)).caller.viewer.account_id


async def test_a_hundred_requests_at_once_look_up_once():
    accounts = Accounts()
    cache = CredentialCache(accounts)
    assert await asyncio.gather(*(found(cache) for _ in range(100))) == [1] * 100
    assert await found(cache) == accounts.look_ups == 1


async def test_each_credential_has_its_own_caller():
    cache = CredentialCache(Accounts())
    session = Credential(CredentialKind.SESSION, TOKEN.value)
    assert [await found(cache), await found(cache, session), await found(cache)] == [1, 2, 1]


async def test_a_stale_caller_is_used_while_it_is_looked_up_again():
    accounts = Accounts()
    cache = CredentialCache(accounts)
    assert await found(cache) == 1
    await asyncio.sleep(1.05)
    assert cache.known(TOKEN.key) is None  # that begins a look-up
    assert await found(cache) == 1
    assert cache.known(TOKEN.key).caller.viewer.account_id == 1
    await asyncio.sleep(0.05)
    assert (await found(cache), accounts.look_ups) == (2, 2)
    assert cache.known(TOKEN.key).caller.viewer.account_id == 2


async def test_a_stale_caller_is_not_used_after_its_credential_is_refused():
    accounts = Accounts()
    cache = CredentialCache(accounts)
    await found(cache)
    accounts.has_ended = True
    await asyncio.sleep(1.05)
    assert await found(cache) == 1
    await asyncio.sleep(0.05)
    with pytest.raises(InvalidCredentials):
        await found(cache)


async def test_no_caller_is_used_after_its_credentials_time():
    accounts = Accounts(works_until=datetime.now(UTC) + timedelta(seconds=0.2))
    cache = CredentialCache(accounts)
    await found(cache)
    assert await found(cache) == 1
    await asyncio.sleep(0.25)
    assert await found(cache) == 2


async def test_after_forget_a_look_up_that_was_under_way_counts_no_more():
    accounts = Accounts()
    cache = CredentialCache(accounts)
    first = asyncio.create_task(found(cache))
    await asyncio.sleep(0)
    cache.forget(lambda _: True)
    assert await found(cache) == 2
    assert await first == 1
    assert (await found(cache), accounts.look_ups) == (2, 2)


async def test_close_waits_for_look_ups():
    accounts = Accounts()
    cache = CredentialCache(accounts)
    asking = asyncio.create_task(found(cache))
    await asyncio.sleep(0)
    asking.cancel()
    await cache.close()
    assert (await found(cache), accounts.look_ups) == (1, 1)


def test_a_credential_does_not_show_itself():
    assert "pace_secret" not in repr(TOKEN)
    assert "pace_secret" not in repr(TOKEN.key)
