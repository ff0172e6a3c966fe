"""What changes of athletes, for subscriptions.

Each change is read once, for all its subscribers.
"""

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

    def watch(self, athlete_id: int, position: ChangePosition) -> "ChangeWatch":
        """Watch what changes of an athlete after a position."""
        return ChangeWatch(self._feeds, self.recent, athlete_id, position)

    async def close(self) -> None:
        """Cancel all tasks. Call it before the database is closed."""
        await self._feeds.close()
        await self.recent.close()

    async def _follow(self, athlete_id: int, feed: "_ChangeFeed") -> None:
        """Look after each message and at intervals, until the last subscriber leaves."""
        async with self._jobs.watch(athlete_id=athlete_id) as news:
            async for _ in news:
                feed.put(*await self.recent.find((athlete_id, feed.position)))


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

    def is_beyond(self, position: ChangePosition) -> bool:
        """Tell whether there is more after a position that a read has reached."""
        assert isinstance(position, int)
        return self.position is not None and self.position > position


class ChangeWatch:
    """One subscriber's place in the changes of an athlete."""

    __slots__ = ("_athlete_id", "_feed", "_feeds", "_reached", "_recent")

    def __init__(
        self,
        feeds: Feeds[_ChangeFeed],
        recent: RecentChanges,
        athlete_id: int,
        position: ChangePosition,
    ) -> None:
        self._feeds, self._recent = feeds, recent
        self._athlete_id, self._reached = athlete_id, position
        self._feed: _ChangeFeed | None = None

    async def next(self) -> AthleteChanges:
        """Wait for the next change."""
        change = None
        if self._feed is None:
            self._feed = self._feeds.enter(self._athlete_id)
            change = await self._find()
        while change is None:
            feed, reached = self._feed, self._reached
            feed.check()
            while not feed.is_beyond(reached):
                await feed.news()
            if feed.before == reached:
                self._reached, change = feed.position, feed.change
            else:  # it began elsewhere, or a slow reader missed a change
                change = await self._find()
        return change

    def close(self) -> None:
        """Watch no more."""
        feed, self._feed = self._feed, None
        if feed is not None:
            self._feeds.leave(self._athlete_id, feed)

    async def _find(self) -> AthleteChanges | None:
        self._reached, change = await self._recent.find((self._athlete_id, self._reached))
        return change
