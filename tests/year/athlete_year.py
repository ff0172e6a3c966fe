"""What an athlete does at Strava in a year: uploads, and changes of what was uploaded.

A seed decides all of it. Each act changes the simulated Strava at once, and returns the webhook's
event, or None where Strava tells of nothing: crops and corrected distances.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from strava_simulator.activity import SimulatedActivity
from strava_simulator.synthetic import time_fields
from strava_simulator.world import World

Event = dict[str, Any]
Act = Callable[[], Event | None]
RUNS_IN_A_WEEK = (0, 1, 1, 2)
_SAMPLE_S = 10
_HIDDEN = {"visibility": "only_me", "private": True}
_SEEN = {"visibility": "everyone", "private": False}
_ZONES = tuple(
    map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"))
)
"""Three of them with daylight saving time, one of them south of the equator."""
_TRAVELS, _HIDDEN_STARTS = 0.05, 0.03
"""Parts of all runs: in another zone than the athlete's, and with a hidden start."""


@dataclass
class AthleteYear:
    """The acts of the athlete `number` of the simulated Strava."""

    strava: World
    number: int
    random: Random

    def before(self, start: datetime, runs: int) -> None:
        """Have a history of so many runs."""
        for back in range(1, runs + 1):
            self._upload(start - timedelta(days=5 * back, minutes=self.random.randrange(600)))

    def acts(self, start: datetime, days: int) -> Iterator[tuple[datetime, Act]]:
        """Yield when what is done, in no order; of the last week also what is done after the days."""
        random = self.random
        for week in range(ceil(days / 7)):
            for _ in range(random.choice(RUNS_IN_A_WEEK)):
                ran_at = start + timedelta(days=7 * week, minutes=random.randrange(7 * 1440))
                late = timedelta(days=random.randrange(1, 9) if random.random() < 0.04 else 0)
                uploaded_at = ran_at + late + timedelta(minutes=random.randrange(60, 90))
                created: list[int] = []
                yield (
                    uploaded_at,
                    lambda ran_at=ran_at, created=created: self._uploaded(ran_at, created),
                )
                for change in self._changes():
                    changed_at = uploaded_at + timedelta(minutes=random.randrange(2, 20_000))
                    yield changed_at, lambda change=change, created=created: change(created[0])

    def _changes(self) -> Iterator[Callable[[int], Event | None]]:
        for chance, change in (
            (0.25, self._rename),
            (0.1, self._hide),
            (0.05, self._show),
            (0.08, self._other_sport),
            (0.06, self._crop),
            (0.05, self._correct),
            (0.06, self._delete),
        ):
            if self.random.random() < chance:
                yield change

    # --- acts

    def _uploaded(self, ran_at: datetime, created: list[int]) -> Event:
        created.append(self._upload(ran_at))
        return self._event(created[0], "create")

    def _upload(self, ran_at: datetime) -> int:
        random = self.random
        elapsed_s, speed_m_s = random.randrange(900, 3000, _SAMPLE_S), random.uniform(2.4, 4.4)
        streams = None if random.random() < 0.03 else self._streams(elapsed_s, speed_m_s)
        fields = {
            **self._times(ran_at),
            "name": f"Run {random.randrange(10**6)}",
            "elapsed_time": elapsed_s,
            "moving_time": elapsed_s,
        }
        return self.strava.add(self.number, fields, streams).id

    def _times(self, ran_at: datetime) -> dict[str, Any]:
        zone = _ZONES[self.number % len(_ZONES)]
        if self.random.random() < _TRAVELS:
            zone = self.random.choice(_ZONES)
        at_place = ran_at.astimezone(zone)
        if self.random.random() < _HIDDEN_STARTS:
            at_place = at_place.replace(hour=0, minute=0, second=1, microsecond=0)
        return time_fields(at_place)

    def _streams(self, elapsed_s: int, speed_m_s: float) -> dict[str, list[Any]]:
        meters, distance_m = 0.0, []
        times = list(range(0, elapsed_s + 1, _SAMPLE_S))
        for _ in times:
            distance_m.append(round(meters, 1))
            meters += _SAMPLE_S * speed_m_s * self.random.uniform(0.8, 1.2)
        return {"time": times, "distance": distance_m}

    def _rename(self, strava_id: int) -> Event | None:
        name = f"Renamed {self.random.randrange(10**6)}"
        return self._changed(strava_id, {"name": name}, {"title": name})

    def _hide(self, strava_id: int) -> Event | None:
        return self._changed(strava_id, _HIDDEN, {"private": "true"})

    def _show(self, strava_id: int) -> Event | None:
        return self._changed(strava_id, _SEEN, {"private": "false"})

    def _other_sport(self, strava_id: int) -> Event | None:
        sport = self.random.choice(("Ride", "Run", "TrailRun"))
        return self._changed(strava_id, {"sport_type": sport}, {"type": sport})

    def _correct(self, strava_id: int) -> Event | None:
        if activity := self.strava.activity(strava_id):
            distance_m = round(activity.summary["distance"] * self.random.uniform(0.9, 1.1), 1)
            self.strava.change(activity, {"distance": distance_m})
        return None

    def _crop(self, strava_id: int) -> Event | None:
        activity = self.strava.activity(strava_id)
        streams = activity.read_streams() if activity else None
        if activity is None or streams is None:
            return None
        cut = {name: values[: len(values) * 3 // 4] for name, values in streams.items()}
        fields = {
            "distance": cut["distance"][-1],
            "elapsed_time": cut["time"][-1],
            "moving_time": cut["time"][-1],
        }
        self.strava.change(replace(activity, read_streams=lambda: cut), fields)
        return None

    def _delete(self, strava_id: int) -> Event | None:
        if activity := self.strava.activity(strava_id):
            self.strava.delete(activity)
            return self._event(strava_id, "delete")
        return None

    def _changed(
        self, strava_id: int, fields: dict[str, Any], updates: dict[str, str]
    ) -> Event | None:
        activity: SimulatedActivity | None = self.strava.activity(strava_id)
        if activity is None:
            return None
        self.strava.change(activity, fields)
        return self._event(strava_id, "update", updates)

    def _event(self, strava_id: int, aspect: str, updates: dict[str, str] | None = None) -> Event:
        return event_of(self.number, "activity", strava_id, aspect, updates)


def event_of(
    owner: int, kind: str, number: int, aspect: str, updates: dict[str, str] | None = None
) -> Event:
    return {
        "object_type": kind,
        "object_id": number,
        "aspect_type": aspect,
        "owner_id": owner,
        "updates": updates or {},
        "event_time": 1,
        "subscription_id": 1,
    }
