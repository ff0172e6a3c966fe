"""What changes of athletes, for subscriptions.

Each change is read once, for all its subscribers.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.session import AsyncDatabase
from graph.job_interface import ChangePosition, JobQueue
from graph.schema.recent_changes import RecentChanges
from graph.schema.shared_feed import Feed, Feeds
from graph.types.athlete_change import AthleteChanges


class ChangeFeeds:
    """The changes that subscribers of this process hear of."""

    def __init__(self, database: AsyncDatabase, jobs: JobQueue) -> None:
        self._jobs = jobs
        self.recent = RecentChanges(database)
        self._feeds = Feeds(_ChangeFeed, self._follow)

    @asynccontextmanager
    async def watch(
        self, athlete_id: int, position: ChangePosition
    ) -> AsyncIterator[AsyncIterator[AthleteChanges]]:
        """Yield what changes of an athlete after a position."""
        async with self._feeds.watched(athlete_id) as feed:
            yield self._after(athlete_id, position, feed)

    async def close(self) -> None:
        """Cancel all tasks. Call it before the database is closed."""
        await self._feeds.close()
        await self.recent.close()

    async def _follow(self, athlete_id: int, feed: "_ChangeFeed") -> None:
        """Look after each message and at intervals, until the last subscriber leaves."""
        async with self._jobs.watch(athlete_id=athlete_id) as news:
            async for _ in news:
                feed.put(*await self.recent.find((athlete_id, feed.position)))

    async def _after(
        self, athlete_id: int, position: ChangePosition, feed: "_ChangeFeed"
    ) -> AsyncIterator[AthleteChanges]:
        reached, change = await self.recent.find((athlete_id, position))
        while True:
            if change is not None:
                yield change
            await feed.beyond(reached)
            if feed.before == reached:
                assert feed.position is not None
                reached, change = feed.position, feed.change
            else:  # it began elsewhere, or a slow reader missed a change
                reached, change = await self.recent.find((athlete_id, reached))


class _ChangeFeed(Feed):
    """The last change of one athlete: it leads from the position `before` to `position`."""

    def __init__(self) -> None:
        super().__init__()
        self.before: ChangePosition = None
        self.position: int | None = None
        self.change: AthleteChanges | None = None

    def put(self, position: int, change: AthleteChanges | None) -> None:
        """Note what a read from the present position found."""
        if position != self.position:
            self.before, self.position, self.change = self.position, position, change
            self.tell()

    async def beyond(self, position: int) -> None:
        """Wait until there is more after `position`. Raises the error passed to `fail`."""
        await self.until(lambda: self.position is not None and self.position > position)
