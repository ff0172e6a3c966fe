"""Lets work end by itself for a moment when its caller is gone.

To break off a statement of PostgreSQL costs its connection, and a new one costs more than most
statements take. A client that begins operations and leaves them would make the server do little
else.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

_GRACE_S = 0.1

T = TypeVar("T")

MAY_LEAVE: ContextVar[bool] = ContextVar("may_leave", default=False)
"""Whether the client of the operation under way may end it: on a stream, not on plain HTTP."""


def with_grace(work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """Get what awaits work. Where its caller may leave and does, it has a moment to end by itself."""
    return _in_a_task(work) if MAY_LEAVE.get() else work


async def _in_a_task(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await end_with_grace(task)
        raise


async def end_with_grace(task: "asyncio.Task[Any]") -> None:
    """Wait a moment for the end of a task, then cancel it and wait for that."""
    try:
        await asyncio.wait([task], timeout=_GRACE_S)
    finally:
        task.cancel()
    await asyncio.wait([task])
