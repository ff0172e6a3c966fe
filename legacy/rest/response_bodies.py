"""Converts the data of operations to the older service's response bodies.

Each function takes an operation's data and the old ids of its objects (`OldIds.old_ids`), and
returns what the route's model describes, or None if the object is absent.
"""

from collections.abc import Mapping
from typing import Any

from legacy.rest.distances import DISTANCES, METERS_PER_MILE
from legacy.rest.uuids import uuid_of

Data = Mapping[str, Any]
Old = Mapping[str, str]

_SEX = {"MALE": "M", "FEMALE": "F", None: None}


def athletes(data: Data, old: Old) -> Any:
    return [_athlete(each, old) for each in data["athletes"]["nodes"]]


def me(data: Data, old: Old) -> Any:
    viewer = data["viewer"]
    return viewer and viewer["athlete"] and _athlete(viewer["athlete"], old)


def athlete(data: Data, old: Old) -> Any:
    return data["athlete"] and _athlete(data["athlete"], old)


def activities(data: Data, old: Old) -> Any:
    return [_activity(each, old) for each in data["activities"]["nodes"]]


def activities_of_athlete(data: Data, old: Old) -> Any:
    found = data["athlete"]
    return found and [
        _activity({**each, "athlete": found}, old) for each in found["activities"]["nodes"]
    ]


def activity(data: Data, old: Old) -> Any:
    found = data["activity"]
    return found and {
        **_activity(found, old),
        "best_efforts": [_effort(each, old) for each in found["bestEfforts"]],
    }


def age_grade_of_activity(data: Data, old: Old) -> Any:
    return data["activity"] and _graded_activity(data["activity"], old)


def personal_bests(data: Data, old: Old) -> Any:
    found = data["athlete"]
    return found and [_best(each, found, old) for each in found["personalBests"]]


def age_grades_of_athlete(data: Data, old: Old) -> Any:
    found = data["athlete"]
    return found and [
        _graded_best(each, found, old) for each in found["personalBests"] if each["ageGrade"]
    ]


def age_grade(data: Data, _: Old) -> Any:
    return _age_grade(data["ageGrade"])


def sync(data: Data, _: Old) -> Any:
    return _queued(data["syncStrava"]["job"])


def personal_bests_task(data: Data, _: Old) -> Any:
    return _queued(data["recalculatePersonalBests"]["job"])


def age_grades_task(data: Data, _: Old) -> Any:
    return _queued(data["recalculateAgeGrades"]["job"])


def feedback(_: Data, __: Old) -> Any:
    return {"status": "received"}


def task(data: Data, _: Old) -> Any:
    job = data["job"]
    return job and {
        "task_id": job["id"],
        "status": job["status"].lower(),
        "kind": job["kind"].lower(),
        "progress": _snake(job["progress"]),
        "result": job["result"] and _snake(job["result"]),
        "error": job["error"] and job["error"]["message"],
        "error_code": job["error"] and job["error"]["code"],
        **{
            _snake_name(name): job[name]
            for name in ("createdAt", "startedAt", "finishedAt", "waitingUntil")
        },
    }


def _queued(job: Data) -> dict[str, str]:
    return {"task_id": job["id"], "status": "queued"}


def _athlete(each: Data, old: Old) -> dict[str, Any]:
    connection = each["stravaConnection"]
    return {
        **_ids(each, old),
        "display_name": each["displayName"],
        "first_name": each["firstName"],
        "last_name": each["lastName"],
        "sex": _SEX[each["sex"]],
        "birthdate": each["birthDate"],
        "city": each["city"],
        "country": each["country"],
        "strava_athlete_id": int(connection["stravaAthleteId"]) if connection else None,
        "created_at": each["createdAt"],
        "email": None,
        "subscription_tier": None,
    }


def _activity(each: Data, old: Old) -> dict[str, Any]:
    strava_id, seconds, meters = each["stravaId"], each["movingTimeSeconds"], each["distanceMeters"]
    return {
        **_ids(each, old),
        "athlete_id": _id(each["athlete"], old),
        "name": each["name"],
        "sport": each["sportType"].lower(),
        "sport_type": each["sportType"],
        "source": each["source"].lower(),
        "provider": each["source"].lower(),
        "strava_id": int(strava_id) if strava_id else None,
        "external_activity_id": strava_id,
        "start_time": each["startedAt"],
        "start_date": each["startedAt"],
        "start_time_local": each["startedAtLocal"],
        "timezone": each["timezone"],
        "distance_m": meters,
        "distance": meters,
        "duration_s": seconds,
        "moving_time": seconds,
        "elapsed_time": each["elapsedTimeSeconds"],
        "total_elevation_gain": each["elevationGainMeters"],
        "average_speed": each["averageSpeedMetersPerSecond"],
        "avg_hr": each["averageHeartRate"],
        "average_heartrate": each["averageHeartRate"],
        "max_hr": each["maxHeartRate"],
        "average_cadence": each["averageCadence"],
        "pace_per_mile": f"{_clock(seconds * METERS_PER_MILE / meters)}/mi"
        if seconds and meters
        else None,
        "duration_formatted": _clock(seconds) if seconds else None,
        "visibility": each["visibility"].lower(),
        "is_race": None,
        "splits": [],
    }


def _effort(each: Data, old: Old) -> dict[str, Any]:
    return {
        **_ids(each, old),
        **_distance(each),
        "time_seconds": each["elapsedTimeSeconds"],
        "achieved_at": each["achievedAt"],
        "rank": each["rank"],
        "is_personal_best": each["isPersonalBest"],
        "age_grade": each["ageGrade"] and _age_grade(each["ageGrade"]),
    }


def _best(each: Data, of: Data, old: Old) -> dict[str, Any]:
    seconds, meters, grade = (
        each["elapsedTimeSeconds"],
        each["distanceMeters"],
        each["ageGrade"] or {},
    )
    return {
        **_ids(each, old),
        "athlete_id": _id(of, old),
        "activity_id": _id(each["activity"], old),
        **_distance(each),
        "time_seconds": seconds,
        "pace_per_mile": seconds / 60 * METERS_PER_MILE / meters,
        "achieved_at": each["achievedAt"],
        "age_at_achievement": grade.get("ageOnDay"),
        "age_grade": grade.get("percent"),
        "age_grade_table": grade.get("table"),
    }


def _graded_best(each: Data, of: Data, old: Old) -> dict[str, Any]:
    return {
        "personal_best_id": _id(each, old),
        "athlete_id": _id(of, old),
        "activity_id": _id(each["activity"], old),
        "distance_category": _distance(each)["distance_category"],
        "distance_m": each["distanceMeters"],
        "time_s": each["elapsedTimeSeconds"],
        "achieved_at": each["achievedAt"],
        **_age_grade(each["ageGrade"]),
    }


def _graded_activity(each: Data, old: Old) -> dict[str, Any]:
    """Grade an activity by its best effort over the longest distance that has a grade."""
    graded = [effort for effort in each["bestEfforts"] if effort["ageGrade"]]
    longest = graded[-1] if graded else None
    return {
        "activity_id": _id(each, old),
        "graphql_id": each["id"],
        "performance_percentage": longest and longest["ageGrade"]["percent"],
        "distance_category": longest and DISTANCES[longest["distance"]],
        "age_grade": longest and _age_grade(longest["ageGrade"]),
    }


def _age_grade(grade: Data) -> dict[str, Any]:
    return {
        "percent": grade["percent"],
        "age_on_day": grade["ageOnDay"],
        "sex": _SEX[grade["sex"]],
        "table": grade["table"],
        "age_factor": grade["ageFactor"],
        "open_standard_s": grade["openStandardSeconds"],
        "age_standard_s": grade["ageStandardSeconds"],
        "age_graded_time_s": grade["ageGradedTimeSeconds"],
    }


def _distance(each: Data) -> dict[str, Any]:
    return {
        "distance_category": DISTANCES[each["distance"]],
        "distance_meters": each["distanceMeters"],
    }


def _ids(each: Data, old: Old) -> dict[str, str]:
    return {"id": _id(each, old), "graphql_id": each["id"]}


def _id(each: Data, old: Old) -> str:
    given: str = each["id"]
    return old.get(given) or uuid_of(given)


def _clock(seconds: float) -> str:
    """Format seconds as 42:10 or 1:42:10."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _snake(values: Data) -> dict[str, Any]:
    return {_snake_name(name): value for name, value in values.items()}


def _snake_name(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
