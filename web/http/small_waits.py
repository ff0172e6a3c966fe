"""What a WebSocket waits for. asyncio's own hold four deques, of 0.6 kB each, for every socket."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Messages in order, for one reader: asyncio's Queue without a bound."""

    __slots__ = ("_come", "_messages")

    def __init__(self) -> None:
        self._messages: list[T] = []
        self._come: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: T) -> None:
        self._messages.append(message)
        if self._come is not None and not self._come.done():
            self._come.set_result(None)

    async def get(self) -> T:
        """Wait for the next message."""
        while not self._messages:
            self._come = asyncio.get_running_loop().create_future()
            try:
                await self._come
            finally:
                self._come = None
        return self._messages.pop(0)


class WriteGate:
    """Lets pass while it is set: asyncio's Event for few who wait."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self, *, is_set: bool) -> None:
        self._is_set = is_set
        self._waiting: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is set, if only for a moment."""
        if self._is_set:
            return
        opened = asyncio.get_running_loop().create_future()
        self._waiting.append(opened)
        try:
            await opened
        finally:
            if opened in self._waiting:
                self._waiting.remove(opened)
