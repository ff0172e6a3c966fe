"""Maps a row of the older service to values of pacegraph's tables. Pure functions.

Values are as JSON has them, so that new, recorded and current values can be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from athletics.distance import StandardDistance
from athletics.sport import is_run
from db.models import NAMELESS
from legacy.adoption.old_row import Naive, OldRow, RowRefused, columns_of
from legacy.adoption.old_table import OldTable, Row
from strava.time_zone import zone_name

_MOST_S = 2**31 - 1
_MOST_M = 1e9
_SEXES = {
    "m": "MALE",
    "male": "MALE",
    "man": "MALE",
    "f": "FEMALE",
    "female": "FEMALE",
    "woman": "FEMALE",
}
_SPORTS = {
    "run": "Run", "running": "Run", "trailrun": "TrailRun", "trailrunning": "TrailRun",
    "virtualrun": "VirtualRun", "ride": "Ride", "cycling": "Ride", "bike": "Ride",
    "virtualride": "VirtualRide", "swim": "Swim", "swimming": "Swim", "walk": "Walk",
    "walking": "Walk", "hike": "Hike", "hiking": "Hike", "workout": "Workout",
    "weighttraining": "WeightTraining", "strength": "WeightTraining", "yoga": "Yoga",
}  # fmt: skip
_VISIBILITIES = {"everyone": "EVERYONE", "followers_only": "FOLLOWERS_ONLY"}
_UNREADABLE = "the row cannot be read"
_DISTANCES = {
    "400m": "M400", "800m": "M800", "1k": "KM1", "1km": "KM1", "1000m": "KM1", "1500m": "M1500",
    "mile": "MILE1", "1mile": "MILE1", "3k": "KM3", "3000m": "KM3", "2mile": "MILE2",
    "2miles": "MILE2", "5k": "KM5", "5000m": "KM5", "10k": "KM10", "10000m": "KM10", "15k": "KM15",
    "10mile": "MILE10", "10miles": "MILE10", "20k": "KM20", "half": "HALF_MARATHON",
    "halfmarathon": "HALF_MARATHON", "30k": "KM30", "marathon": "MARATHON", "50k": "KM50",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OldGrant:
    """An old athlete's connection to Strava. Without tokens the athlete must sign in again."""

    strava_id: int
    access_token: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime | None
    scopes: list[str]
    last_synced_at: datetime | None


@dataclass(slots=True)
class MappedRow:
    """The values for the new row. `parent` is the old id of its athlete."""

    old_id: str
    values: dict[str, Any]
    remarks: list[str]
    row: Mapping[str, Any]
    parent: str | None = None
    grant: OldGrant | None = None


class RowMapper:
    """Maps rows of the old tables, given by kind."""

    def __init__(self, tables: Mapping[str, OldTable], naive: Naive) -> None:
        self._columns = {kind: columns_of(kind, table.types) for kind, table in tables.items()}
        self._naive = naive

    def has(self, kind: str, name: str) -> bool:
        return name in self._columns.get(kind, ())

    def column(self, kind: str, name: str) -> str:
        return self._columns[kind][name]

    def columns(self, kind: str) -> set[str]:
        """Get the columns of the old table that are used."""
        return set(self._columns[kind].values())

    def map(self, kind: str, row: Row) -> MappedRow:
        """Map a row of `kind`; `give_efforts` adds an activity's efforts. Raises RowRefused."""
        mapped: MappedRow = {
            "athlete": self._athlete,
            "activity": self._activity,
            "feedback": self._feedback,
        }[kind](row)
        return mapped

    def read(self, kind: str, row: Row) -> OldRow:
        """Open a row for reading. Raises RowRefused."""
        if row.values is None:
            raise RowRefused(_UNREADABLE)
        return OldRow(row.values, self._columns[kind], self._naive)

    # --- athletes

    def _athlete(self, row: Row) -> MappedRow:
        old = self.read("athlete", row)
        first, last = _names(old)
        sex = old.text("sex")
        if sex and sex.strip().lower() not in _SEXES:
            old.remark("sex", "has no age standards, so it is left out")
        values = {
            "first_name": first,
            "last_name": last,
            "sex": _SEXES.get((sex or "").strip().lower()),
            "birth_date": _iso(old.day("birth_date")),
            "city": old.text("city"),
            "country": old.text("country"),
            "measurement_system": "IMPERIAL"
            if (old.text("units") or "").lower() == "imperial"
            else "METRIC",
            "created_at": _iso(old.instant("created_at")),
        }
        return MappedRow(row.old_id, values, old.remarks, row.values or {}, grant=_grant(old))

    # --- activities

    def _activity(self, row: Row) -> MappedRow:
        old = self.read("activity", row)
        zone_name, zone = self._zone(old)
        started_at, started_at_local = self._start(old, zone)
        strava_id = _strava_id(old)
        sport = _sport(old.text("sport"))
        values = {
            "source": "STRAVA" if strava_id else "FILE",
            "strava_id": strava_id,
            "name": old.text("name") or "",
            "sport_type": sport,
            "started_at": _iso(started_at),
            "started_at_local": _iso(started_at_local),
            "timezone": zone_name,
            "distance_m": old.required_number("distance_m", _MOST_M),
            "moving_time_s": round(old.required_number("moving_s", _MOST_S)),
            "elapsed_time_s": round(old.required_number("elapsed_s", _MOST_S)),
            "elevation_gain_m": old.number("elevation_gain_m"),
            "average_heart_rate_bpm": old.number("average_heart_rate_bpm"),
            "max_heart_rate_bpm": old.number("max_heart_rate_bpm"),
            "average_cadence_rpm": old.number("average_cadence_rpm"),
            # Without a stored visibility only the athlete may see it: others must not see more than
            # on Strava.
            "visibility": _VISIBILITIES.get((old.text("visibility") or "").lower(), "ONLY_ME"),
            "flagged": old.flag("flagged"),
            "manual": old.flag("manual"),
            "given_efforts": None,
            "created_at": _iso(old.instant("created_at")),
        }
        for one, other, named in (
            ("elapsed", "moving", "elapsed_s"),
            ("moving", "elapsed", "moving_s"),
        ):
            if old.raw(named) is None:
                values[f"{one}_time_s"] = values[f"{other}_time_s"]
        return MappedRow(
            row.old_id, values, old.remarks, row.values or {}, parent=old.text("athlete_id")
        )

    def _zone(self, old: OldRow) -> tuple[str, ZoneInfo]:
        text = old.text("timezone")
        if name := zone_name(text):
            return name, ZoneInfo(name)
        if text:
            old.remark("timezone", "is no known time zone, so it is left out")
        return self._naive.key, self._naive

    def _start(self, old: OldRow, zone: ZoneInfo) -> tuple[datetime, datetime]:
        started_at, local = old.instant("started_at"), old.wall_clock("started_at_local")
        if started_at is None and local is not None:
            started_at = local.replace(tzinfo=zone).astimezone(UTC)
        if started_at is None:
            raise RowRefused(
                f"{old.column('started_at')} is missing, or no time between 1900 and 2200"
            )
        return started_at, local or started_at.astimezone(zone).replace(tzinfo=None)

    # --- best efforts

    def effort(self, row: Row, activity: MappedRow) -> dict[str, float]:
        """Map a best effort to an entry of `activities.given_efforts`. Raises RowRefused."""
        old = self.read("best_effort", row)
        distance = distance_of(old)
        distance_m = distance.meters if distance else old.number("distance_m")
        elapsed_s = old.required_number("elapsed_s", _MOST_S)
        if distance_m is None or not 0 < distance_m <= _MOST_M:
            raise RowRefused("no distance that pacegraph knows")
        if not elapsed_s:
            raise RowRefused("a time of 0 s, or none")
        started_at = datetime.fromisoformat(activity.values["started_at"])
        offset_s = _offset_s(old, started_at, activity.values["elapsed_time_s"])
        return {"distance_m": distance_m, "elapsed_s": elapsed_s, "start_offset_s": offset_s}

    def give_efforts(self, activity: MappedRow, rows: Iterable[Row]) -> list[tuple[Row, str]]:
        """Add best efforts to an activity. Returns the refused ones, each with the reason."""
        refused, efforts = [], []
        for row in rows:
            try:
                if activity.values["source"] != "STRAVA":
                    raise RowRefused(
                        "its activity is not Strava's, whose best efforts alone are taken as given"
                    )
                if not is_run(activity.values["sport_type"]):
                    raise RowRefused("its activity is no run")
                efforts.append(self.effort(row, activity))
            except RowRefused as refusal:
                refused.append((row, str(refusal)))
        activity.values["given_efforts"] = efforts or None
        return refused

    # --- feedback

    def _feedback(self, row: Row) -> MappedRow:
        old = self.read("feedback", row)
        message, contact = old.text("message"), old.text("contact")
        if message is None or len(message) > 5000:  # noqa: PLR2004 - the check of the table
            raise RowRefused(f"{old.column('message')} is empty or longer than 5000 characters")
        if contact and len(contact) > 200:  # noqa: PLR2004
            old.remark("contact", "is longer than 200 characters, so it is left out")
            contact = None
        values = {
            "message": message,
            "contact": contact,
            "created_at": _iso(old.instant("created_at")),
        }
        return MappedRow(
            row.old_id, values, old.remarks, row.values or {}, parent=old.text("athlete_id")
        )


def distance_of(old: OldRow) -> StandardDistance | None:
    """Find the standard distance of a best effort or personal best, by length or name."""
    distance_m = old.number("distance_m")
    if distance_m is not None:
        return next(
            (
                each
                for each in StandardDistance
                if abs(each.meters - distance_m) <= each.meters / 1000
            ),
            None,
        )
    name = "".join(each for each in (old.text("category") or "").lower() if each.isalnum())
    return StandardDistance[_DISTANCES[name]] if name in _DISTANCES else None


def _names(old: OldRow) -> tuple[str, str]:
    """Split the name into first and last; joined by a blank, they are the name shown before."""
    first, last = (old.text("first_name") or "").strip(), (old.text("last_name") or "").strip()
    if not first and not last:
        first, _, last = (old.text("display_name") or NAMELESS).strip().partition(" ")
    return first, last


def _grant(old: OldRow) -> OldGrant | None:
    strava_id = old.identifier("strava_id")
    if strava_id is None:
        return None
    scopes = old.raw("scopes")
    if isinstance(scopes, str):
        scopes = scopes.replace(",", " ").split()
    if not isinstance(scopes, list) or not scopes:
        # The narrowest grant: activities that it does not show are not taken for deleted.
        scopes = ["read", "activity:read"]
    return OldGrant(
        strava_id,
        old.text("access_token"),
        old.text("refresh_token"),
        old.instant("token_expires_at"),
        [str(each) for each in scopes],
        old.instant("last_synced_at"),
    )


def _strava_id(old: OldRow) -> int | None:
    origin = old.text("provider") or old.text("source")
    if origin is not None and "strava" not in origin.lower():
        return None
    strava_id = old.identifier("external_id")
    if strava_id is None and origin is not None:
        old.remark("external_id", "names no activity of Strava, so it is adopted as one of a file")
    return strava_id


def _sport(name: str | None) -> str:
    plain = "".join(each for each in (name or "").lower() if each.isalnum())
    return _SPORTS.get(plain, (name or "Workout").strip())


def _offset_s(old: OldRow, started_at: datetime, elapsed_s: int) -> float:
    """Seconds from the activity's start to the effort's; 0 if unknown."""
    offset_s = old.number("start_offset_s")
    if offset_s is None and (effort_start := old.instant("started_at")):
        offset_s = (effort_start - started_at) / timedelta(seconds=1)
    return offset_s if offset_s is not None and 0 <= offset_s <= elapsed_s else 0.0


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()
