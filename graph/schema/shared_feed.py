"""One task for each subject that is subscribed to, whatever the number of its subscribers."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Generic, TypeVar


class Feed:
    """What is known of one subject, shared by its subscribers."""

    def __init__(self) -> None:
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Make all subscribers look at what is known now."""
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def fail(self, error: Exception) -> None:
        """Make all subscribers raise `error`."""
        self._error = error
        self.tell()

    def check(self) -> None:
        """Raise the error passed to `fail`, if any."""
        if self._error is not None:
            raise self._error

    async def news(self) -> None:
        """Wait for `tell`. Raises the error passed to `fail`."""
        told = asyncio.get_running_loop().create_future()
        self._waiting.add(told)
        try:
            await told
        finally:
            self._waiting.discard(told)
        self.check()


F = TypeVar("F", bound=Feed)


class Feeds(Generic[F]):
    """The feeds of one process. `follow` keeps one up to date until its last subscriber leaves."""

    def __init__(
        self, make: Callable[[], F], follow: Callable[[int, F], Coroutine[Any, Any, None]]
    ) -> None:
        self._make, self._follow_on = make, follow
        self._feeds: dict[int, F] = {}

    def enter(self, key: int) -> F:
        """Have the feed of `key` followed until `leave`."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = self._make()
            # An empty context: the task outlives the request that started it.
            feed.task = asyncio.create_task(self._follow(key, feed), context=Context())
        feed.watchers += 1
        return feed

    def leave(self, key: int, feed: F) -> None:
        """End what `enter` began."""
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
