"""Reads from a job's arguments which activities a sync covers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from db.statements.strava.nightly_sync import FOR_NIGHT
from db.statements.strava.sync_problem import FOR_PROBLEMS

_EASTERNMOST, _WESTERNMOST = timedelta(hours=14), timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SyncScope:
    """`since` and `until` are days at the athlete's place, both included; None is no bound.

    `full`: walk everything and delete what is gone from Strava. `activity_id`: only the activity of
    that Strava id. `problems`: only activities that earlier syncs could not have. `nightly`: no
    caller asked for it.
    """

    full: bool = False
    activity_id: int | None = None
    since: date | None = None
    until: date | None = None
    problems: bool = False
    nightly: bool = False

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """Read `{"mode", "activity_id", "since", "until"}`, all optional, dates as ISO 8601.

        A sync that the server itself starts has a `cause`.
        """
        activity_id, since, until = (
            arguments.get(name) for name in ("activity_id", "since", "until")
        )
        return cls(
            full=arguments.get("mode") == "FULL",
            activity_id=None if activity_id is None else int(activity_id),
            since=date.fromisoformat(since) if since else None,
            until=date.fromisoformat(until) if until else None,
            problems=arguments.get("cause") == FOR_PROBLEMS["cause"],
            nightly=arguments.get("cause") == FOR_NIGHT["cause"],
        )

    @property
    def is_everything(self) -> bool:
        bounds = (self.activity_id, self.since, self.until)
        return not self.problems and all(bound is None for bound in bounds)

    def covers(self, started_at_local: datetime) -> bool:
        day = started_at_local.date()
        return (self.since is None or day >= self.since) and (
            self.until is None or day <= self.until
        )

    @property
    def after(self) -> datetime | None:
        """Instant after which every covered activity began, in any time zone. None: no bound."""
        if self.since is None:
            return None
        return _moved(self.since, -_EASTERNMOST - timedelta(seconds=1))

    @property
    def before(self) -> datetime | None:
        """Instant before which every covered activity began, in any time zone. None: no bound."""
        if self.until is None:
            return None
        return _moved(self.until, timedelta(days=1) + _WESTERNMOST)


def _moved(day: date, by: timedelta) -> datetime | None:
    """The start of `day` in UTC, moved; None beyond the calendar, where it bounds nothing."""
    try:
        return datetime.combine(day, time(), UTC) + by
    except OverflowError:
        return None
