"""Strava's JSON bodies, with its field names and types; a test checks them against its schemas."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from strava_simulator.activity import SimulatedActivity, Streams, Summary
from strava_simulator.efforts import MILE_M, STRAVA_DISTANCES, DistanceSplit, fastest_window, splits

# The sports that Strava computes best efforts for.
_RUNS = {"Run", "TrailRun", "VirtualRun"}
# Strava's `type` knows fewer values than `sport_type`.
_OLD_TYPES = {"TrailRun": "Run", "GravelRide": "Ride", "MountainBikeRide": "Ride"}
NO_GEAR: Mapping[str, Any] = MappingProxyType({})
_CREATED_AT = "2019-05-17T08:00:00Z"


def summary_athlete(athlete: dict[str, Any]) -> dict[str, Any]:
    """Strava's SummaryAthlete. It has no birth date, which Strava does not reveal."""
    return {
        "id": athlete["id"],
        "username": None,
        "resource_state": 2,
        "firstname": athlete["firstname"],
        "lastname": athlete["lastname"],
        "bio": None,
        "city": athlete["city"],
        "state": athlete["state"],
        "country": athlete["country"],
        "sex": athlete["sex"],
        "premium": False,
        "summit": False,
        "created_at": _CREATED_AT,
        "updated_at": _CREATED_AT,
        "badge_type_id": 0,
        "weight": None,
        "profile_medium": "avatar/athlete/medium.png",
        "profile": "avatar/athlete/large.png",
        "friend": None,
        "follower": None,
    }


def detailed_athlete(athlete: dict[str, Any]) -> dict[str, Any]:
    """Strava's DetailedAthlete, for tokens with profile:read_all."""
    return summary_athlete(athlete) | {
        "resource_state": 3,
        "follower_count": 0,
        "friend_count": 0,
        "mutual_friend_count": 0,
        "athlete_type": 1,
        "date_preference": "%m/%d/%Y",
        "measurement_preference": "meters",
        "clubs": [],
        "ftp": None,
        "weight": 0.0,
        "bikes": [],
        "shoes": [],
    }


def summary_activity(activity: SimulatedActivity) -> Summary:
    """Strava's SummaryActivity; the activity's own fields take precedence."""
    own = activity.summary
    sport = own.get("sport_type") or own.get("type") or "Run"
    return {
        "resource_state": 2,
        "athlete": {"id": activity.athlete_id, "resource_state": 1},
        "type": _OLD_TYPES.get(sport, sport),
        "sport_type": sport,
        **_COUNTS,
        "map": {"id": f"a{activity.id}", "summary_polyline": "", "resource_state": 2},
        "upload_id": None if own.get("manual") else activity.id,
        "external_id": None if own.get("manual") else f"{activity.id}.fit",
        **_ABSENT,
        **{name: value for name, value in own.items() if name not in _OF_DETAILS},
    }


_OF_DETAILS = {"best_efforts", "calories", "description", "laps"}
"""Fields of an activity that its summary lacks."""
_COUNTS = {
    "achievement_count": 0,
    "kudos_count": 0,
    "comment_count": 0,
    "athlete_count": 1,
    "photo_count": 0,
    "total_photo_count": 0,
    "pr_count": 0,
    "has_kudoed": False,
}
_ABSENT = {
    "start_latlng": None,
    "end_latlng": None,
    "gear_id": None,
    "device_name": None,
    "from_accepted_tag": False,
}


def detailed_activity(activity: SimulatedActivity, gear: Mapping[str, Any] = NO_GEAR) -> Summary:
    """Strava's DetailedActivity: the summary with best efforts, laps and splits.

    Best efforts, laps and calories are the activity's own, if it has any; else they are computed.
    `gear` is what a test set of the activity's gear.
    """
    streams = activity.read_streams()
    own = activity.summary
    best_efforts = own.get("best_efforts")
    if best_efforts is None:
        best_efforts = _best_efforts(activity, streams) if streams else []
    time_s, distance_m = (streams["time"], streams["distance"]) if streams else ((), ())
    kilometers = list(splits(time_s, distance_m, 1000.0)) if streams and distance_m else []
    miles = splits(time_s, distance_m, MILE_M) if kilometers else ()
    laps = [_lap(activity, number, split) for number, split in enumerate(kilometers, start=1)]
    return summary_activity(activity) | {
        "resource_state": 3,
        "description": own.get("description"),
        "calories": own.get("calories", _calories(own)),
        "photos": {"primary": None, "count": 0},
        "gear": summary_gear(own["gear_id"], gear) if own.get("gear_id") else None,
        "segment_efforts": [],
        "splits_metric": [
            _split(number, split) for number, split in enumerate(kilometers, start=1)
        ],
        "splits_standard": [_split(number, split) for number, split in enumerate(miles, start=1)],
        "laps": own.get("laps", laps),
        "best_efforts": best_efforts,
        "embed_token": f"{activity.id:x}",
    }


def summary_gear(gear_id: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Strava's SummaryGear; `told` takes precedence."""
    return {
        "id": gear_id,
        "primary": False,
        "name": f"Shoes {gear_id}",
        "resource_state": 2,
        "distance": 100_000.0,
        **{name: value for name, value in told.items() if name != "retired"},
    }


DEFAULT_ZONES = (0, 115, 152, 171, 190)
"""Where heart rate zones begin, in beats a minute."""


def zones_of_athlete(lowest: Sequence[int]) -> dict[str, Any]:
    """The answer of `/athlete/zones`. Zones meet, and the last one has no end: -1."""
    ends = [*lowest[1:], -1]
    zones = [{"min": low, "max": high} for low, high in zip(lowest, ends, strict=False)]
    return {"heart_rate": {"custom_zones": False, "zones": zones}}


def detailed_gear(gear_id: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Strava's DetailedGear, which also tells whether it is retired."""
    return summary_gear(gear_id, told) | {
        "resource_state": 3,
        "brand_name": "Simulated",
        "model_name": "Shoes",
        "description": "",
        "retired": bool(told.get("retired")),
    }


def _calories(summary: Summary) -> float:
    """About 1 kcal for each kilogram and kilometer; a number even if a test set something else."""
    distance_m = summary.get("distance")
    return round(distance_m * 0.07, 1) if isinstance(distance_m, int | float) else 0.0


def _split(number: int, split: DistanceSplit) -> dict[str, Any]:
    return {
        "distance": split.distance_m,
        "elapsed_time": split.elapsed_s,
        "elevation_difference": 0.0,
        "moving_time": split.elapsed_s,
        "split": number,
        "average_speed": _speed(split.distance_m, split.elapsed_s),
        "pace_zone": 0,
    }


def _lap(activity: SimulatedActivity, number: int, split: DistanceSplit) -> dict[str, Any]:
    return {
        "id": activity.id + number,
        "name": f"Lap {number}",
        **_part_of(activity, split.start_s, split.elapsed_s, split.start_index, split.end_index),
        "distance": split.distance_m,
        "average_speed": _speed(split.distance_m, split.elapsed_s),
        "max_speed": _speed(split.distance_m, split.elapsed_s),
        "total_elevation_gain": 0.0,
        "lap_index": number,
        "split": number,
        "pace_zone": 0,
    }


def _best_efforts(activity: SimulatedActivity, streams: Streams) -> list[dict[str, Any]]:
    if activity.summary.get("sport_type", activity.summary.get("type")) not in _RUNS:
        return []
    efforts = []
    for number, (name, told_m, exact_m) in enumerate(STRAVA_DISTANCES, start=1):
        window = fastest_window(streams["time"], streams["distance"], exact_m)
        if window is None:
            continue
        elapsed_s, start_s = round(window.elapsed_s), round(window.start_s)
        efforts.append(
            {
                "id": activity.id + number,
                "name": name,
                **_part_of(activity, start_s, elapsed_s, window.start_index, window.end_index),
                "distance": told_m,
                "pr_rank": None,
                "kom_rank": None,
                "segment": None,
                "achievements": [],
            }
        )
    return efforts


def _part_of(
    activity: SimulatedActivity, start_s: int, elapsed_s: int, start_index: int, end_index: int
) -> dict[str, Any]:
    """Fields that laps and best efforts share."""
    return {
        "resource_state": 2,
        "activity": {"id": activity.id, "resource_state": 1},
        "athlete": {"id": activity.athlete_id, "resource_state": 1},
        "elapsed_time": elapsed_s,
        "moving_time": elapsed_s,
        "start_date": _later(activity.summary["start_date"], start_s),
        "start_date_local": _later(
            activity.summary.get("start_date_local") or activity.summary["start_date"], start_s
        ),
        "start_index": start_index,
        "end_index": end_index,
    }


def _later(text: Any, seconds: int) -> Any:
    """A date and time `seconds` after `text`; `text` itself if a test set an invalid one."""
    try:
        return f"{datetime.fromisoformat(text) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
    except (TypeError, ValueError):
        return text


def _speed(distance_m: float, elapsed_s: int) -> float:
    return round(distance_m / elapsed_s, 3) if elapsed_s else 0.0


def stream_set(streams: Streams, keys: list[str]) -> dict[str, dict[str, Any]]:
    """Strava's StreamSet by type: the requested streams that exist, and always the distance."""
    return {
        key: {
            "data": samples,
            "series_type": "distance",
            "original_size": len(samples),
            "resolution": "high",
        }
        for key, samples in streams.items()
        if key in keys or key == "distance"
    }
