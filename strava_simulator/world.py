"""The simulated athletes and their activities: runs of the file, synthetic ones, and changes."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from runtime.clock import utc_now
from strava_simulator.activity import SimulatedActivity, Streams, Summary
from strava_simulator.synthetic import owner_of, synthetic_activities, synthetic_athlete

FIRST_ATHLETE_ID = 1001
_FIRST_ADDED_ID = 5_000_000_000_000_000
FIRST_ATHLETE = {
    "id": FIRST_ATHLETE_ID,
    "firstname": "Rui",
    "lastname": "Corredor",
    "sex": "M",
    "city": "Recife",
    "state": "Pernambuco",
    "country": "Brazil",
    "timezone": "America/Recife",
}

# The activities of the last athletes requested; about 250 kB for each.
_newest_first_of_synthetic = lru_cache(maxsize=128)(
    lambda athlete_id: tuple(_newest_first(synthetic_activities(athlete_id)))
)


def _newest_first(activities: list[SimulatedActivity]) -> list[SimulatedActivity]:
    return sorted(
        activities, key=lambda activity: (activity.started_at_s, activity.id), reverse=True
    )


@dataclass(slots=True)
class World:
    """Athletes FIRST_ATHLETE_ID and up, `athletes` of them; `synthetic`: others have activities.

    `runs` are the first one's activities.
    """

    runs: list[SimulatedActivity]
    athletes: int
    clock: Callable[[], datetime] = utc_now
    synthetic: bool = True
    # By athlete and activity: added and changed activities, None for deleted ones.
    _changes: dict[int, dict[int, SimulatedActivity | None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _next_added_id: int = _FIRST_ADDED_ID
    _owners: dict[int, int] = field(default_factory=dict)
    # What a test set of gear, by athlete and id.
    gear: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    # Where each athlete's heart rate zones begin, if a test set them.
    zones: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.runs = _newest_first(self.runs)
        self._owners.update((run.id, run.athlete_id) for run in self.runs)

    def athlete(self, athlete_id: int) -> dict[str, Any] | None:
        if athlete_id == FIRST_ATHLETE_ID:
            return FIRST_ATHLETE
        return synthetic_athlete(athlete_id) if athlete_id in self.athlete_ids else None

    @property
    def athlete_ids(self) -> range:
        return range(FIRST_ATHLETE_ID, FIRST_ATHLETE_ID + self.athletes)

    def activities(self, athlete_id: int) -> list[SimulatedActivity]:
        """The athlete's activities, newest first."""
        initial: Sequence[SimulatedActivity] = self.runs if athlete_id == FIRST_ATHLETE_ID else ()
        if self.synthetic and athlete_id != FIRST_ATHLETE_ID:
            initial = _newest_first_of_synthetic(athlete_id)
        changes = self._changes.get(athlete_id)
        if not changes:
            return list(initial)
        merged = {activity.id: activity for activity in initial} | changes
        return _newest_first([activity for activity in merged.values() if activity])

    def activity(self, activity_id: int) -> SimulatedActivity | None:
        athlete_id = self._owners.get(activity_id) or owner_of(activity_id)
        if athlete_id is None or athlete_id not in self.athlete_ids:
            return None
        return next(
            (found for found in self.activities(athlete_id) if found.id == activity_id), None
        )

    def has_gear(self, athlete_id: int, gear_id: str) -> bool:
        """Whether a test set the gear, or an activity of the athlete has it."""
        return (athlete_id, gear_id) in self.gear or any(
            activity.summary.get("gear_id") == gear_id for activity in self.activities(athlete_id)
        )

    def page(
        self,
        athlete_id: int,
        scopes: AbstractSet[str],
        *,
        before: int | None,
        after: int | None,
        page: int,
        per_page: int,
    ) -> list[SimulatedActivity]:
        """One page of the activities visible with `scopes`, newest first; with `after` oldest first.

        `before` and `after` are seconds since 1970, exclusive.
        """
        found = [
            activity
            for activity in self.activities(athlete_id)
            if activity.is_visible_to(scopes)
            and (before is None or activity.started_at_s < before)
            and (after is None or activity.started_at_s > after)
        ]
        if after is not None:
            found.reverse()
        return found[(page - 1) * per_page : page * per_page]

    def add(self, athlete_id: int, summary: Summary, streams: Streams | None) -> SimulatedActivity:
        """Add an activity; by default it is an easy 5 km run that starts now."""
        local = {"start_date_local": summary["start_date"]} if "start_date" in summary else {}
        merged = {"id": self._next_added_id} | _defaults(streams, self.clock()) | local | summary
        self._next_added_id += 1
        activity = SimulatedActivity(athlete_id, merged, lambda: streams)
        self._put(athlete_id, activity.id, activity)
        return activity

    def change(self, activity: SimulatedActivity, fields: Summary) -> SimulatedActivity:
        changed = SimulatedActivity(
            activity.athlete_id,
            activity.summary | fields | {"id": activity.id},
            activity.read_streams,
        )
        self._put(activity.athlete_id, activity.id, changed)
        return changed

    def delete(self, activity: SimulatedActivity) -> None:
        self._put(activity.athlete_id, activity.id, None)

    def _put(self, athlete_id: int, activity_id: int, activity: SimulatedActivity | None) -> None:
        self._changes[athlete_id][activity_id] = activity
        self._owners[activity_id] = athlete_id


def _defaults(streams: Streams | None, at: datetime) -> Summary:
    elapsed_s = streams["time"][-1] if streams and streams["time"] else 1800
    distance_m = streams["distance"][-1] if streams and streams["distance"] else 5000.0
    now = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "name": "Simulated Run",
        "sport_type": "Run",
        "distance": float(distance_m),
        "moving_time": int(elapsed_s),
        "elapsed_time": int(elapsed_s),
        "total_elevation_gain": 0.0,
        "start_date": now,
        "start_date_local": now,
        "timezone": "(GMT+00:00) UTC",
        "utc_offset": 0.0,
        "average_speed": round(distance_m / elapsed_s, 3) if elapsed_s else 0.0,
        "has_heartrate": bool(streams and "heartrate" in streams),
        "manual": streams is None,
        "private": False,
        "visibility": "everyone",
        "trainer": False,
        "commute": False,
        "flagged": False,
        "workout_type": None,
    }
