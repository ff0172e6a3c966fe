"""Time limits, beside asyncio's own."""

import asyncio
import time

import pytest

from runtime.time_limit import TimeLimit

pytestmark = pytest.mark.anyio


async def test_what_is_in_time_is_answered_and_leaves_nothing():
    limit = TimeLimit(0.05)
    assert await asyncio.gather(*(limit.run(asyncio.sleep(0.01, n)) for n in range(50))) == list(
        range(50)
    )
    assert limit.running == 0


async def test_each_has_its_time_from_its_own_start():
    limit = TimeLimit(0.2)

    async def late(delay):
        await asyncio.sleep(delay)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await limit.run(asyncio.sleep(10))
        return time.monotonic() - started

    taken = await asyncio.gather(*(late(delay / 20) for delay in range(6)))
    assert all(0.19 < each < 0.4 for each in taken), taken


async def test_it_may_be_used_again_after_all_ended():
    limit = TimeLimit(0.05)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await limit.run(asyncio.sleep(1))
        assert await limit.run(asyncio.sleep(0, "fine")) == "fine"


async def test_a_cancellation_from_outside_stays_one():
    limit = TimeLimit(5)
    task = asyncio.create_task(limit.run(asyncio.sleep(10)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_limits_nest():
    inner, outer = TimeLimit(0.05), TimeLimit(0.15)

    async def slow():
        with pytest.raises(TimeoutError):
            await inner.run(asyncio.sleep(60))
        await asyncio.sleep(60)

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await outer.run(slow())
    assert time.monotonic() - started < 30
