"""Synthetic athletes and activities, generated on demand, the same for an id on every machine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from math import cos, pi, radians, sin
from random import Random
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from strava_simulator.activity import SimulatedActivity, Streams, Summary

_T = TypeVar("_T")

# Above all ids of Strava and of files, and still exact as a JavaScript number.
_FIRST_ACTIVITY_ID = 4_000_000_000_000_000
_ACTIVITIES_PER_ATHLETE = 1_000
_LAST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
_SAMPLE_INTERVAL_S = 6
_METERS_PER_DEGREE = 111_195


class _City(NamedTuple):
    name: str
    state: str
    country: str
    timezone: str


_CITIES = (
    _City("Recife", "Pernambuco", "Brazil", "America/Recife"),
    _City("Boulder", "Colorado", "United States", "America/Denver"),
    _City("Leeds", "England", "United Kingdom", "Europe/London"),
    _City("Freiburg", "Baden-Württemberg", "Germany", "Europe/Berlin"),
    _City("Iten", "Elgeyo-Marakwet", "Kenya", "Africa/Nairobi"),
    _City("Pokhara", "Gandaki", "Nepal", "Asia/Kathmandu"),
    _City("Wellington", "Wellington", "New Zealand", "Pacific/Auckland"),
)
_NAMES = {
    "M": ("Abel", "Bruno", "Callum", "Daniel", "Emil", "Farid", "Goran", "Hiro"),
    "F": ("Ana", "Birgit", "Chiara", "Daria", "Edna", "Fiona", "Grete", "Hana"),
}
_SURNAMES = (
    "Almeida",
    "Baker",
    "Costa",
    "Dietz",
    "Eriksen",
    "Fischer",
    "Gurung",
    "Hill",
    "Ito",
    "Kiptoo",
)
_SPORTS = {"Run": 86, "TrailRun": 6, "Ride": 5, "Walk": 2, "VirtualRun": 1}
_VISIBILITIES = {"everyone": 85, "followers_only": 9, "only_me": 6}
# Common distances of runs in meters, and their share in percent.
_DISTANCES_M = {
    3000: 6,
    5000: 22,
    6500: 18,
    8000: 18,
    10_000: 18,
    13_000: 8,
    16_000: 5,
    21_150: 4,
    42_300: 1,
}
_MANUAL_SHARE, _PAUSED_SHARE, _WITHOUT_HEART_RATE_SHARE, _COMMUTE_SHARE, _FLAGGED_SHARE = (
    0.03,
    0.4,
    0.2,
    0.03,
    0.005,
)
_SPEED_FACTORS = {"Ride": 2.4, "TrailRun": 0.85, "Walk": 0.5}


def synthetic_athlete(athlete_id: int) -> dict[str, Any]:
    """The athlete's data in Strava's field names, plus `timezone` (IANA)."""
    random = _random(athlete_id)
    sex = random.choice("MF")
    city = random.choice(_CITIES)
    return {
        "id": athlete_id,
        "firstname": random.choice(_NAMES[sex]),
        "lastname": random.choice(_SURNAMES),
        "sex": sex,
        "city": city.name,
        "state": city.state,
        "country": city.country,
        "timezone": city.timezone,
    }


def owner_of(activity_id: int) -> int | None:
    """The athlete that a synthetic activity's id belongs to; None for other ids."""
    athlete_id = (activity_id - _FIRST_ACTIVITY_ID) // _ACTIVITIES_PER_ATHLETE
    return athlete_id if athlete_id > 0 else None


def synthetic_activities(athlete_id: int) -> list[SimulatedActivity]:
    """100 to 300 activities of the athlete, oldest first."""
    random = _random(f"activities of {athlete_id}")
    zone = ZoneInfo(synthetic_athlete(athlete_id)["timezone"])
    speed_m_s = random.uniform(2.3, 4.2)
    count = random.randint(100, 300)
    first_id = _FIRST_ACTIVITY_ID + athlete_id * _ACTIVITIES_PER_ATHLETE
    return [
        _activity(random, athlete_id, first_id + index, started_at, speed_m_s)
        for index, started_at in enumerate(_starts(random, count, zone))
    ]


def _starts(random: Random, count: int, zone: ZoneInfo) -> Iterator[datetime]:
    """`count` ascending starts, at most one a day, at likely hours of the athlete's local day."""
    day = _LAST_DAY - timedelta(days=3 * count)
    for _ in range(count):
        day += timedelta(days=random.choice((1, 2, 2, 3, 4)))
        wall_clock = day.replace(
            hour=random.choice((6, 7, 9, 18)), minute=random.randrange(60), tzinfo=None
        )
        yield wall_clock.replace(second=random.randrange(60), tzinfo=zone)


def _activity(
    random: Random, athlete_id: int, activity_id: int, started_at: datetime, speed_m_s: float
) -> SimulatedActivity:
    sport = _pick(random, _SPORTS)
    manual = random.random() < _MANUAL_SHARE
    distance_m = round(
        _pick(random, _DISTANCES_M) * random.uniform(0.99, 1.06) * _SPEED_FACTORS.get(sport, 1), 1
    )
    speed_m_s *= (
        _SPEED_FACTORS.get(sport, 1) * random.uniform(0.88, 1.08) * (1 - distance_m / 500_000)
    )
    moving_s = round(distance_m / speed_m_s)
    paused_s = 0 if manual or random.random() > _PAUSED_SHARE else random.randint(10, 400)
    bpm = (
        None if manual or random.random() < _WITHOUT_HEART_RATE_SHARE else random.randint(128, 168)
    )
    summary = {
        "id": activity_id,
        **_descriptive_fields(random, sport, started_at, manual=manual),
        "distance": distance_m,
        "moving_time": moving_s,
        "elapsed_time": moving_s + paused_s,
        "total_elevation_gain": 0
        if manual
        else round(distance_m * random.uniform(0.001, 0.012), 1),
        "average_speed": round(distance_m / moving_s, 3),
        "has_heartrate": bpm is not None,
    }
    if bpm is not None:
        summary |= {
            "average_heartrate": float(bpm),
            "max_heartrate": float(bpm + random.randint(8, 25)),
        }
    return SimulatedActivity(athlete_id, summary, lambda: None if manual else _streams(summary))


def _descriptive_fields(
    random: Random, sport: str, started_at: datetime, *, manual: bool
) -> Summary:
    visibility = _pick(random, _VISIBILITIES)
    part_of_day = "Morning" if started_at.hour < 12 else "Evening"  # noqa: PLR2004 - noon
    return {
        "name": f"{part_of_day} {'Run' if sport.endswith('Run') else sport}",
        "sport_type": sport,
        "type": "Run" if sport == "TrailRun" else sport,
        **time_fields(started_at),
        "manual": manual,
        "private": visibility == "only_me",
        "visibility": visibility,
        "trainer": sport == "VirtualRun",
        "commute": random.random() < _COMMUTE_SHARE,
        "flagged": random.random() < _FLAGGED_SHARE,
        "workout_type": None,
        "device_name": None if manual else "Simulated Watch",
    }


def time_fields(started_at: datetime) -> Summary:
    """Strava's time fields for a start in a time zone.

    The local one ends with the false Z that Strava writes.
    """
    offset = started_at.utcoffset() or timedelta()
    # The text names the standard offset, also in summer.
    standard_s = int((offset - (started_at.dst() or timedelta())).total_seconds())
    hours, minutes = divmod(abs(standard_s) // 60, 60)
    return {
        "start_date": f"{started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "start_date_local": f"{started_at:%Y-%m-%dT%H:%M:%SZ}",
        "timezone": f"(GMT{'-' if standard_s < 0 else '+'}{hours:02}:{minutes:02}) "
        f"{started_at.tzinfo}",
        "utc_offset": offset.total_seconds(),
    }


def _streams(summary: Summary) -> Streams:
    """Samples that end at the summary's distance and elapsed time.

    A pause, if any, is in the middle.
    """
    random = _random(summary["id"])
    count = max(2, summary["moving_time"] // _SAMPLE_INTERVAL_S)
    paces = [random.uniform(0.85, 1.15) for _ in range(count)]
    scale = summary["distance"] / sum(paces)
    paused_s = summary["elapsed_time"] - summary["moving_time"]
    streams: Streams = {
        "time": [
            index * summary["moving_time"] // count + (paused_s if index > count // 2 else 0)
            for index in range(count + 1)
        ],
        "distance": [round(meters * scale, 1) for meters in accumulate(paces, initial=0.0)],
    }
    if summary["has_heartrate"]:
        average = round(summary["average_heartrate"])
        streams["heartrate"] = [average + random.randint(-6, 6) for _ in range(count + 1)]
    return streams | _sensor_streams(random, streams, is_indoor=summary["trainer"])


def _sensor_streams(random: Random, streams: Streams, *, is_indoor: bool) -> Streams:
    """Samples of the other sensors: a loop over a hill, run at an even cadence."""
    distance_m, time_s = streams["distance"], streams["time"]
    last_m = distance_m[-1] or 1.0
    turns = [2 * pi * meters / last_m for meters in distance_m]
    speeds = [
        (after_m - before_m) / max(1, after_s - before_s)
        for (before_m, after_m), (before_s, after_s) in zip(
            pairwise(distance_m), pairwise(time_s), strict=True
        )
    ]
    found: Streams = {
        "velocity_smooth": [round(speed, 1) for speed in (0.0, *speeds)],
        "cadence": [random.randint(82, 88) for _ in turns],
        "watts": [random.randint(210, 260) for _ in turns],
        "temp": [random.randint(14, 16) for _ in turns],
        "moving": [True] * len(turns),
    }
    if is_indoor:
        return found
    hill_m, north, east = random.uniform(5, 60), random.uniform(-50, 50), random.uniform(-120, 120)
    radius = last_m / (2 * pi * _METERS_PER_DEGREE)
    return found | {
        "altitude": [round(100 + hill_m * (1 - cos(turn)), 1) for turn in turns],
        "grade_smooth": [round(100 * 2 * pi * hill_m / last_m * sin(turn), 1) for turn in turns],
        "latlng": [
            [
                round(north + radius * sin(turn), 6),
                round(east + radius * (1 - cos(turn)) / cos(radians(north)), 6),
            ]
            for turn in turns
        ],
    }


def _random(seed: int | str) -> Random:
    """Random numbers that depend on `seed` only; nothing here is secret."""
    return Random(seed)  # noqa: S311


def _pick(random: Random, weights: dict[_T, int]) -> _T:
    return random.choices(tuple(weights), tuple(weights.values()))[0]
