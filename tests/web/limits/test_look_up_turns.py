"""Look-ups of one address take turns, and never all connections of the pool."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from db.errors import DatabaseBusy
from flags.flags import Flags
from settings import load_settings
from tests import factories as make
from web import create_app
from web.limits import look_up_turns
from web.limits.look_up_turns import LookUpTurns, TooManyUnknown

pytestmark = pytest.mark.anyio
ONE, OTHER = {"client": ("192.0.2.1", 1)}, {"client": ("192.0.2.2", 1)}


def turns_of(**changes: object) -> LookUpTurns:
    settings = load_settings(None, concurrent_operations=6, **changes)
    return LookUpTurns(settings, Flags(settings))


async def test_an_address_waits_for_itself_and_nobody_else_does():
    turns, done = turns_of(), []

    async def look_up(name: str, scope: dict) -> None:
        async with turns.taken(scope):
            done.append(name)

    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(turns.taken(ONE))
        tasks.create_task(look_up("one", ONE))
        tasks.create_task(look_up("other", OTHER))
        await asyncio.sleep(0.05)
        assert done == ["other"]
        assert turns.queue.waiting == 1
    assert done == ["other", "one"]


async def test_who_waits_too_long_is_told_that_the_database_is_busy():
    turns = turns_of(operation_wait_s=0.05)
    async with AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(turns.taken(ONE))
        with pytest.raises(DatabaseBusy):
            await held.enter_async_context(turns.taken(ONE))
    assert turns.queue.refused == 1
    async with turns.taken(ONE):
        assert turns.queue.under_way == 1


async def test_without_rate_limiting_nobody_waits():
    turns = turns_of(rate_limiting="off")
    async with AsyncExitStack() as held:
        for _ in range(20):
            await held.enter_async_context(turns.taken(ONE))
        assert turns.queue.under_way == 20


@pytest.mark.parametrize("is_limited", ["on", "off"])
async def test_tokens_that_nobody_has_are_looked_up_at_a_rate(
    settings, db, monkeypatch, caplog, is_limited
):
    """A token that was known goes on, and so do tokens of other addresses."""
    monkeypatch.setattr(look_up_turns, "UNKNOWN_AT_ONCE", 5)
    monkeypatch.setattr(look_up_turns, "UNKNOWN_PER_S", 1e-6)
    known, new = (make.create_person(db).token for _ in range(2))
    app = create_app(settings.model_copy(update={"rate_limiting": is_limited}))
    turns = app.state.services.limits.look_ups

    async def status(token: str, address: str = "192.0.2.1") -> int:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(base_url="http://a", transport=transport) as client:
            headers = {"authorization": f"Bearer {token}"}
            asked = {"query": "{ __typename }"}
            answer = await client.post("/graphql", json=asked, headers=headers)
        if answer.status_code == 503:
            assert "unknown, expired or revoked" in answer.text
            assert answer.headers["retry-after"] == "1"
        return answer.status_code

    async with app.router.lifespan_context(app):
        assert await status(known) == 200
        found = [await status(f"pace_made_up_{number}") for number in range(8)]
        await asyncio.sleep(2.1)  # its caller has to be looked up again
        others = [await status(known), await status(new), await status(new, "192.0.2.2")]
    if is_limited == "on":
        assert found == [401] * 6 + [503] * 2
        assert others == [200, 503, 200]
        assert turns.refused_unknown == 3
        told = [each.getMessage() for each in caplog.records if "failed" in each.getMessage()]
        assert told == [f"request failed: {TooManyUnknown()}"] * 3, "the pool is not at fault"
    else:
        assert (found, others) == ([401] * 8, [200] * 3)
