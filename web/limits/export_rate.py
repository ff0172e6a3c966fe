"""How many archives of an athlete's data may be started."""

from datetime import UTC, datetime, timedelta
from time import monotonic

from settings import Settings
from web.limits.bucket_registry import Buckets
from web.limits.token_bucket import BucketSize

_DAY_S = 86_400


class ExportRate:
    """Counts the archives of each athlete, of all processes."""

    def __init__(self, settings: Settings, buckets: Buckets) -> None:
        a_day = settings.exports_per_day
        self._size = BucketSize(a_day, a_day / _DAY_S)
        self._buckets = buckets

    async def take(self, athlete_id: int) -> datetime | None:
        """Count an archive. None: it may be started.

        If there are too many, it is not counted; returns when one may be started.
        """
        bucket = self._buckets.find("exports", athlete_id, self._size)
        if await self._buckets.take(bucket, 1):
            return None
        return datetime.now(UTC) + timedelta(seconds=bucket.wait_s(1, monotonic()))
