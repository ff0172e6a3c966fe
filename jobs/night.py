"""The night over which syncs of everything are spread. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from settings import Settings


@dataclass(frozen=True, slots=True)
class Night:
    """A night that `start` (aware, UTC) began and that is `length_s` seconds long."""

    start: datetime
    length_s: float

    @classmethod
    def under_way(cls, settings: Settings, now: datetime) -> Self | None:
        """Get the night that `now` is in; None by day, and where there are none."""
        now = now.astimezone(UTC)
        start = now.replace(
            hour=settings.nightly_sync_from_utc_hour, minute=0, second=0, microsecond=0
        )
        if start > now:
            start -= timedelta(days=1)
        length_s = settings.nightly_sync_hours * 3600
        return cls(start, length_s) if (now - start).total_seconds() < length_s else None
