"""One task for each subject that is subscribed to, whatever the number of its subscribers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any, Generic, TypeVar


class Feed:
    """What is known of one subject, shared by its subscribers."""

    def __init__(self) -> None:
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Make all subscribers look at what is known now."""
        self._told.set()
        self._told = asyncio.Event()

    def fail(self, error: Exception) -> None:
        """Make all subscribers raise `error`."""
        self._error = error
        self.tell()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so. Raises the error passed to `fail`."""
        while self._error is None and not is_so():
            await self._told.wait()
        if self._error is not None:
            raise self._error


F = TypeVar("F", bound=Feed)


class Feeds(Generic[F]):
    """The feeds of one process. `follow` keeps one up to date until its last subscriber leaves."""

    def __init__(
        self, make: Callable[[], F], follow: Callable[[int, F], Coroutine[Any, Any, None]]
    ) -> None:
        self._make, self._follow_on = make, follow
        self._feeds: dict[int, F] = {}

    @asynccontextmanager
    async def watched(self, key: int) -> AsyncIterator[F]:
        """Have the feed of `key` followed within the block."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = self._make()
            # An empty context: the task outlives the request that started it.
            feed.task = asyncio.create_task(self._follow(key, feed), context=Context())
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers and feed.task is not None:
                feed.task.cancel()
                feed.task = None  # else both keep each other until the collector's next round
                self._forget(key, feed)

    async def close(self) -> None:
        """Cancel all tasks. Call it before the database is closed."""
        tasks = [feed.task for feed in self._feeds.values() if feed.task is not None]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: int, feed: F) -> None:
        if self._feeds.get(key) is feed:
            del self._feeds[key]

    async def _follow(self, key: int, feed: F) -> None:
        try:
            await self._follow_on(key, feed)
        except Exception as error:  # noqa: BLE001 - subscribers raise it
            self._forget(key, feed)
            feed.fail(error)
