"""The tasks of one stream, which end together: asyncio's TaskGroup with less memory for each."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self

from web.protocols.stream_end import StreamEnded


class StreamTasks:
    """Tasks begun in its `async with` block end with it, and the block with the first that fails.

    The block raises that task's error, of which one other than StreamEnded goes first. StreamEnded
    is raised without its traceback: a cycle of frames would keep all that the stream had until the
    collector's next full round.
    """

    __slots__ = ("_context", "_error", "_is_cancelled", "_is_ending", "_owner", "_tasks")

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._error: BaseException | None = None
        self._is_ending, self._is_cancelled = True, False
        self._owner: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        self._owner, self._context = asyncio.current_task(), copy_context()
        self._is_ending = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        owner, self._owner, self._is_ending = self._owner, None, True
        assert owner is not None
        if self._is_cancelled:
            is_own = not owner.uncancel()
            if kind is None or not issubclass(kind, asyncio.CancelledError):
                with suppress(asyncio.CancelledError):  # it is still on its way
                    await asyncio.sleep(0)
            elif is_own:
                error = None
        if error is not None and (self._error is None or not isinstance(error, StreamEnded)):
            self._error = error
        try:
            await self._end_all(owner)
            if isinstance(self._error, StreamEnded):
                raise self._error.with_traceback(None) from None
            if self._error is not None and self._error is not error:
                raise self._error
        finally:
            self._error = None
            del error, owner, traceback

    def create_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Begin a task. Raises RuntimeError outside the block, and does not close `work`."""
        if self._is_ending:
            raise RuntimeError("the stream has not begun, or ends")
        return self._begun(asyncio.create_task(work))

    def create_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task from outside the stream, in its context; none where the stream ends."""
        if self._is_ending:
            work.close()
        else:
            self._begun(asyncio.create_task(work, context=self._context.copy()))

    def end(self, error: BaseException) -> None:
        """End the block and all tasks."""
        if self._error is None or not isinstance(error, StreamEnded):
            self._error = error
        if self._is_ending:
            return
        self._is_ending = True
        if self._owner is not None:
            self._is_cancelled = True
            self._owner.cancel()

    def _begun(self, task: "asyncio.Task[None]") -> "asyncio.Task[None]":
        self._tasks.add(task)
        task.add_done_callback(self._take)
        return task

    def _take(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.end(error)
            del error

    async def _end_all(self, owner: "asyncio.Task[Any]") -> None:
        """Cancel all tasks and wait for their ends, also where the block's own is cancelled."""
        for each in self._tasks:
            each.cancel()
        while self._tasks:
            try:
                await asyncio.wait(self._tasks)
                await asyncio.sleep(0)  # `_take` is called
            except asyncio.CancelledError as cancelled:
                if owner.cancelling():
                    self._error = cancelled
