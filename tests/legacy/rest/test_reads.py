"""Every route that reads, for everybody who may ask: the same rows and values as its GraphQL
successor gives.
"""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from graph.global_id import encode_id
from legacy.rest.routes import ROUTES, RestRoute
from legacy.rest.uuids import uuid_of
from tests import factories as make
from tests.factories import NOON
from tests.legacy.rest.conftest import serve_rest

pytestmark = pytest.mark.anyio

CALLERS = ["owner", "stranger", "admin", "nobody"]
READS = [route for route in ROUTES if route.method == "GET"]
GRADED = {"distance": "5000", "time": "1200", "age": "45", "sex": "M"}
GRADED_INPUT = {
    "distanceMeters": 5000, "elapsedTimeSeconds": 1200, "age": 45, "sex": "MALE", "table": "ROAD_2025",
}  # fmt: skip

SAME = {
    "displayName": "display_name", "firstName": "first_name", "birthDate": "birthdate", "city": "city",
    "createdAt": "created_at", "name": "name", "sportType": "sport_type", "startedAt": "start_time",
    "startedAtLocal": "start_time_local", "movingTimeSeconds": "duration_s", "elevationGainMeters":
    "total_elevation_gain", "averageSpeedMetersPerSecond": "average_speed", "averageHeartRate": "avg_hr",
    "timezone": "timezone", "achievedAt": "achieved_at", "rank": "rank", "isPersonalBest": "is_personal_best",
    "ageStandardSeconds": "age_standard_s", "ageGradedTimeSeconds": "age_graded_time_s", "ageFactor": "age_factor",
    "table": "table",
}  # fmt: skip
"""What means the same there and here, wherever it stands."""


def leaves(value: Any, names: set[str]) -> list[tuple[str, Any]]:
    """All members of some names, with their values, in their order."""
    if isinstance(value, list):
        return [each for item in value for each in leaves(item, names)]
    if not isinstance(value, dict):
        return []
    own = [(name, each) for name, each in value.items() if name in names]
    return own + [each for item in value.values() for each in leaves(item, names)]


def compared(graphql: Any, rest: Any) -> None:
    """What both tell is the same, in the same order, object by object."""
    there = leaves(graphql, set(SAME))
    here = leaves(rest, set(SAME.values()))
    for name, mine in SAME.items():
        theirs = [value for each, value in there if each == name]
        ours = [value for each, value in here if each == mine]
        if ours:
            assert ours == theirs, (name, mine)


def root_of(data: dict[str, Any]) -> Any:
    """What an operation found; None where it found nothing."""
    [found] = data.values()
    return found and found.get("athlete", found)


def is_list(route: RestRoute) -> bool:
    return str(route.answers).startswith("list")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
async def test_it_answers_what_its_successor_does(rest, people, route, caller):
    token = people.tokens[caller]
    ids = {name: people.ids[name] for name in route.id_parameters}
    variables = {"id": next(iter(ids.values()))} if ids else {}
    is_grade = route.path == "/v1/age-grade"
    response = await rest.get(route.path.format(**ids), token, params=GRADED if is_grade else None)
    graphql = await rest.ask(
        route.operation, token, **({"input": GRADED_INPUT} if is_grade else variables)
    )
    if root_of(graphql) is None:
        expected = 401 if route.needs_caller and caller == "nobody" else 404
        assert response.status_code == expected, response.text
    else:
        assert response.status_code == 200, response.text
        TypeAdapter(route.answers).validate_json(response.content)
        compared(graphql, response.json())
        if is_list(route) and "age-grades" not in route.path:
            assert [each["graphql_id"] for each in response.json()] == nodes(graphql)


def nodes(data: dict[str, Any]) -> list[str]:
    found = root_of(data)
    lists = [
        found.get("nodes"),
        found.get("personalBests"),
        (found.get("activities") or {}).get("nodes"),
    ]
    return [each["id"] for each in next(each for each in lists if each is not None)]


async def test_who_sees_what(rest, people):
    """Said once without GraphQL: the private run is the owner's and the administrators' alone."""
    seen = {}
    for caller, token in people.tokens.items():
        runs = (await rest.get("/v1/activities", token)).json()
        seen[caller] = sorted(
            each["visibility"] for each in runs if each["athlete_id"] == uuid_of(people.owner.id)
        )
        detail = await rest.get(f"/v1/activities/{people.private_run}", token)
        assert detail.status_code == (200 if caller in {"owner", "admin"} else 404)
    both = ["everyone", "only_me"]
    assert seen == {"owner": both, "stranger": ["everyone"], "admin": both, "nobody": []}


async def test_absent_and_invisible_look_the_same(rest, people):
    hidden = await rest.get(f"/v1/athletes/{people.stranger.id}", people.owner.token)
    absent = await rest.get("/v1/athletes/999999", people.owner.token)
    assert (hidden.status_code, hidden.json()) == (absent.status_code, absent.json())
    assert hidden.json()["detail"] == "Athlete not found"


async def test_without_sharing_others_see_nothing(settings, people):
    async with serve_rest(settings) as rest:
        assert (
            await rest.get(f"/v1/athletes/{people.owner.id}", people.stranger.token)
        ).status_code == 404
        runs = (await rest.get("/v1/activities", people.stranger.token)).json()
        assert {each["athlete_id"] for each in runs} == {uuid_of(people.stranger.id)}


async def test_values_in_the_older_services_words(rest, people):
    [run] = (await rest.get("/v1/activities?until=2026-03-01", people.owner.token)).json()
    told = {
        "athlete_id": uuid_of(people.owner.id), "sport": "run", "source": "strava", "distance_m": 10_000,
        "distance": 10_000, "duration_s": 3000, "moving_time": 3000, "elapsed_time": 3060, "avg_hr": 151.5,
        "start_time": "2026-03-01T12:00:00Z", "start_date": "2026-03-01T12:00:00Z", "pace_per_mile": "8:03/mi",
        "duration_formatted": "50:00", "max_hr": None, "is_race": None, "splits": [],
    }  # fmt: skip
    assert {name: run[name] for name in told} == told
    athlete = (await rest.get("/v1/athletes/me", people.owner.token)).json()
    assert (athlete["sex"], athlete["display_name"], athlete["birthdate"]) == (
        "F",
        athlete["display_name"],
        "1980-05-17",
    )
    [best] = (
        await rest.get(f"/v1/athletes/{people.owner.id}/personal-bests", people.owner.token)
    ).json()
    assert (best["distance_category"], best["time_seconds"]) == ("5k", 1200.5)
    assert best["pace_per_mile"] == pytest.approx(1200.5 / 60 * 1.609344 / 5)


# --- paging and filters


async def many_runs(rest, db, number: int) -> tuple[str, list[str]]:
    """An athlete's token, and the ids of runs, newest first."""
    person = make.create_person(db)
    for day in range(number):
        kind = "Ride" if day % 2 else "Run"
        make.create_activity(
            db, person.athlete_id, started_at=NOON + timedelta(days=day), sport_type=kind
        )
    everything = (await rest.get("/v1/activities?limit=1000", person.token)).json()
    assert len(everything) == number
    return person.token, [each["id"] for each in everything]


async def ids_of(rest, path: str, token: str) -> list[str]:
    response = await rest.get(path, token)
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()]


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("limit=3", slice(3)),
        ("limit=3&offset=2", slice(2, 5)),
        ("limit=3&skip=2", slice(2, 5)),
        ("limit=3&page=1", slice(3)),
        ("page=3&per_page=3", slice(6, 9)),
        ("limit=3&offset=8", slice(8, 11)),
        ("limit=3&offset=9", slice(9, 12)),
        ("limit=3&offset=10", slice(0)),
        ("limit=3&offset=11", slice(0)),
        ("limit=1000&offset=100000", slice(0)),
        ("", slice(100)),
    ],
)
async def test_pages(rest, db, query, part):
    token, runs = await many_runs(rest, db, 10)
    assert await ids_of(rest, f"/v1/activities?{query}", token) == runs[part]
    me = (await rest.get("/v1/athletes/me", token)).json()["id"]
    assert await ids_of(rest, f"/v1/athletes/{me}/activities?{query}", token) == runs[part]
    assert await ids_of(rest, f"/v1/activities?athlete_id={me}&{query}", token) == runs[part]


async def test_a_page_that_lies_beyond_what_one_operation_may_list(rest, db):
    athlete = make.create_person(db)
    for number in range(1005):
        make.create_activity(db, athlete.athlete_id, started_at=NOON + timedelta(minutes=number))
    oldest = await ids_of(rest, "/v1/activities?limit=5&offset=1000", athlete.token)
    everything = (await rest.get("/v1/activities?limit=1000", athlete.token)).json()
    assert len(oldest) == 5
    assert not {*oldest} & {each["id"] for each in everything}


async def test_the_link_to_the_next_page_leads_through_all(rest, db):
    token, runs = await many_runs(rest, db, 7)
    found, path = [], "/v1/activities?limit=3&sport=run,ride"
    while path:
        response = await rest.get(path, token)
        found += [each["id"] for each in response.json()]
        path = response.links.get("next", {}).get("url")
    assert found == runs


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("since=2026-03-03", [4, 3, 2]),
        ("until=2026-03-02", [1, 0]),
        ("until=2026-03-02T12:00:00Z", [0]),
        ("since=2026-03-02T12:00:00%2B00:00&until=2026-03-03", [2, 1]),
        ("since=2026-03-02T13:00:00+01:00&until=2026-03-03", [2, 1]),
        ("start_date=2026-03-03&end_date=2026-03-03", [2]),
        ("sport=run", [4, 2, 0]),
        ("sport=Ride", [3, 1]),
        ("sport=ride&sport=run", [4, 3, 2, 1, 0]),
        ("sport=run,ride&since=2026-03-05", [4]),
        ("sport=swim", []),
        ("min_distance_m=10001", []),
        ("max_distance=10000", [4, 3, 2, 1, 0]),
        ("sport=&since=&until=", [4, 3, 2, 1, 0]),
        ("unknown=1", [4, 3, 2, 1, 0]),
    ],
)
async def test_filters(rest, db, query, expected):
    token, runs = await many_runs(rest, db, 5)
    assert await ids_of(rest, f"/v1/activities?{query}", token) == [
        runs[4 - day] for day in expected
    ]


@pytest.mark.parametrize(
    ("query", "age", "table"),
    [
        ("distance=5k&time=20:00&age=45&sex=M", 45, "ROAD_2025"),
        ("distance_m=5000&time_seconds=1200&age=45&gender=male", 45, "ROAD_2025"),
        ("distance=KM5&time=0:20:00&birthdate=1980-05-17&date=2026-05-16&sex=m", 45, "ROAD_2025"),
        (
            "distance=5km&time=1200.0&birth_date=1980-05-17&date=2026-05-17&sex=MALE",
            46,
            "ROAD_2025",
        ),
        ("distance=800m&time=2:30&age=45&sex=F", 45, "TRACK_2023"),
        ("distance=5k&time=1200&age=45&sex=F&table=road_2020", 45, "ROAD_2020"),
    ],
)
async def test_age_grades_are_calculated_from_what_callers_write(rest, query, age, table):
    response = await rest.get(f"/v1/age-grade?{query}")
    assert response.status_code == 200, response.text
    assert (response.json()["age_on_day"], response.json()["table"]) == (age, table)
    assert 30 < response.json()["percent"] < 100


async def test_an_activity_is_graded_by_its_longest_effort(rest, db, people):
    path = f"/v1/activities/{people.public_run}/age-grade"
    of_5k = (await rest.get(path, people.owner.token)).json()
    assert of_5k["distance_category"] == "5k"
    make.create_best_effort(db, people.public_run, distance="KM10", elapsed_s=3000.0)
    make.create_best_effort(db, people.public_run, distance="MILE1", elapsed_s=300.0)
    graded = (await rest.get(path, people.owner.token)).json()
    assert graded["distance_category"] == "10k"
    assert (
        graded["performance_percentage"]
        == graded["age_grade"]["percent"]
        != of_5k["performance_percentage"]
    )
    assert graded["graphql_id"] == encode_id("Activity", people.public_run)
    hidden = (await rest.get(path, people.stranger.token)).json()
    assert (hidden["performance_percentage"], hidden["age_grade"]) == (None, None)
    assert hidden["activity_id"] == graded["activity_id"]


@pytest.mark.parametrize(
    "alias",
    ["personal_bests", "pbs", "age_grades"],
)
async def test_other_spellings_answer_the_same(rest, people, alias):
    path = {"age_grades": "age-grades"}.get(alias, "personal-bests")
    one, other = [
        await rest.get(f"/v1/athletes/{people.owner.id}/{each}", people.owner.token)
        for each in (path, alias)
    ]
    assert one.status_code == 200
    assert one.content == other.content
