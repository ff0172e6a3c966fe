"""Look-ups of one address take turns, and never all connections of the pool."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from db.errors import DatabaseBusy
from flags.flags import Flags
from settings import load_settings
from web.limits.look_up_turns import LookUpTurns

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
