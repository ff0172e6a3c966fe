"""What one sync is to cover, out of its job's arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

__all__ = ["SyncScope"]

_EASTERNMOST, _WESTERNMOST = timedelta(hours=14), timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SyncScope:
    """`since` and `until` are days at the athlete's place, both included; None is no bound.

    `full`: walk everything and delete what Strava has no more. `activity_id`: only the activity of that Strava id.
    """

    full: bool = False
    activity_id: int | None = None
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Self:
        """Read `{"mode", "activity_id", "since", "until"}`, all optional, dates as ISO 8601."""
        activity_id, since, until = (arguments.get(name) for name in ("activity_id", "since", "until"))
        return cls(
            full=arguments.get("mode") == "FULL",
            activity_id=None if activity_id is None else int(activity_id),
            since=date.fromisoformat(since) if since else None,
            until=date.fromisoformat(until) if until else None,
        )

    @property
    def is_everything(self) -> bool:
        return self.activity_id is None and self.since is None and self.until is None

    def covers(self, started_at_local: datetime) -> bool:
        day = started_at_local.date()
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)

    @property
    def after(self) -> datetime | None:
        """Instant that no activity covered began at or before, wherever it was."""
        if self.since is None:
            return None
        return datetime.combine(self.since, time(), UTC) - _EASTERNMOST - timedelta(seconds=1)

    @property
    def before(self) -> datetime | None:
        """Instant that no activity covered began at or after, wherever it was."""
        if self.until is None:
            return None
        return datetime.combine(self.until, time(), UTC) + timedelta(days=1) + _WESTERNMOST
