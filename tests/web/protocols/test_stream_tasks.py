"""Tasks of a stream end together, for the first reason, and leave nothing."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from web.protocols.stream_end import ClientGone, StreamEnded
from web.protocols.stream_tasks import StreamTasks

pytestmark = pytest.mark.anyio


async def fail(error: Exception, ended: list[str] | None = None) -> None:
    try:
        await asyncio.sleep(0.01)
        raise error
    finally:
        if ended is not None:
            ended.append("failed")


async def last(ended: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)  # it may take a moment
        ended.append("cancelled")


async def stream(body: Callable[[StreamTasks], Awaitable[None]]) -> None:
    async with StreamTasks() as tasks:
        await body(tasks)


async def test_the_first_error_ends_all_and_is_raised():
    ended: list[str] = []

    async def body(tasks: StreamTasks) -> None:
        tasks.create_task(last(ended))
        tasks.create_task(fail(StreamEnded(1001, "enough"), ended))
        await asyncio.sleep(60)

    with pytest.raises(StreamEnded, match="enough"):
        await stream(body)
    assert ended == ["failed", "cancelled"]
    assert not asyncio.current_task().cancelling()
    await asyncio.sleep(0)  # nothing is cancelled late


async def leaving(tasks: StreamTasks, ended: list[str]) -> None:
    tasks.create_task(last(ended))
    await asyncio.sleep(0.01)
    raise ClientGone


async def test_what_the_block_raises_ends_all():
    ended: list[str] = []
    with pytest.raises(ClientGone):
        await stream(lambda tasks: leaving(tasks, ended))
    assert ended == ["cancelled"]


async def test_an_error_that_nobody_expects_goes_before_the_end():
    async def of_a_task(tasks: StreamTasks) -> None:
        tasks.create_task(fail(ZeroDivisionError()))
        await asyncio.sleep(0.02)

    async def after_the_end(tasks: StreamTasks) -> None:
        tasks.end(StreamEnded(1001, "enough"))
        tasks.end(ZeroDivisionError())
        await asyncio.sleep(60)

    for body in (of_a_task, after_the_end):
        with pytest.raises(ZeroDivisionError):
            await stream(body)


async def test_who_cancels_the_block_cancels_all():
    ended: list[str] = []

    async def body(tasks: StreamTasks) -> None:
        tasks.create_task(last(ended))
        await asyncio.sleep(60)

    task = asyncio.create_task(stream(body))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]


async def test_who_cancels_it_while_it_ends_is_heard():
    ended: list[str] = []
    task = asyncio.create_task(stream(lambda tasks: leaving(tasks, ended)))
    await asyncio.sleep(0.015)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]


async def test_an_end_and_an_error_of_the_block_at_once_leave_no_cancellation():
    async def body(tasks: StreamTasks) -> None:
        tasks.end(StreamEnded(1001, "enough"))
        raise StreamEnded(1013, "the block's")

    with pytest.raises(StreamEnded, match="enough"):
        await stream(body)
    await asyncio.sleep(0)


async def test_a_task_that_is_cancelled_ends_nothing():
    async def body(tasks: StreamTasks) -> None:
        tasks.create_task(asyncio.sleep(60)).cancel()
        await asyncio.sleep(0.01)
        tasks.create_beside(fail(StreamEnded(1001, "later")))
        await asyncio.sleep(60)

    with pytest.raises(StreamEnded, match="later"):
        await stream(body)


async def test_nothing_begins_outside_the_block():
    tasks, work = StreamTasks(), asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        tasks.create_task(work)
    async with tasks:
        await work
    tasks.create_beside(fail(ZeroDivisionError()))
    work = asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        tasks.create_task(work)
    await work


class Held:
    """What a stream has."""


async def test_it_is_freed_without_the_collector():
    async def body(tasks: StreamTasks, _: Held) -> None:
        tasks.create_task(fail(StreamEnded(1001, "enough")))
        await asyncio.sleep(60)

    held = Held()
    reference, body = weakref.ref(held), partial(body, _=held)
    del held
    gc.disable()
    try:
        with pytest.raises(StreamEnded):
            await stream(body)
        del body
        await asyncio.sleep(0)
        assert reference() is None
    finally:
        gc.enable()
