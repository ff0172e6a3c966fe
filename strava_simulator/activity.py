"""An activity of the simulated Strava, and which tokens may read it."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Samples by Strava's stream type ("time", "distance", "latlng", …), all of the same length.
Streams = dict[str, list[Any]]
Summary = dict[str, Any]

READ = "activity:read"
READ_ALL = "activity:read_all"


@dataclass(frozen=True, slots=True)
class SimulatedActivity:
    """`summary` has Strava's field names; `read_streams` gives samples, None for a manual entry."""

    athlete_id: int
    summary: Summary
    read_streams: Callable[[], Streams | None]

    @property
    def id(self) -> int:
        identifier: int = self.summary["id"]
        return identifier

    @property
    def started_at_s(self) -> int:
        """Start in seconds since 1970; 0 if a test set an invalid date."""
        try:
            return int(datetime.fromisoformat(self.summary["start_date"]).timestamp())
        except (TypeError, ValueError):
            return 0

    def is_visible_to(self, scopes: AbstractSet[str]) -> bool:
        """Whether a token of the activity's own athlete with `scopes` may read it."""
        if READ_ALL in scopes:
            return True
        return (
            READ in scopes
            and self.summary.get("visibility") != "only_me"
            and not self.summary.get("private")
        )
