"""The queue and the event of a WebSocket behave as asyncio's."""

import asyncio

import pytest

from web.http.small_waits import Inbox, WriteGate

pytestmark = pytest.mark.anyio


async def test_messages_come_in_order():
    inbox = Inbox[int]()
    assert inbox.empty()
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert not inbox.empty()
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    later = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(3)
    inbox.put_nowait(4)
    assert await later == 3
    assert await inbox.get() == 4


async def test_a_reader_that_is_cancelled_takes_no_message():
    inbox = Inbox[int]()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    reading.cancel()
    await asyncio.wait([reading])
    assert await inbox.get() == 1


async def test_a_gate_lets_all_pass_who_waited():
    gate = WriteGate(is_set=True)
    await gate.wait()
    gate.clear()
    assert not gate.is_set()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    gate.set()
    gate.clear()  # at once
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting[1:])
    assert waiting[0].cancelled()
