"""What reads answer, against the rules of the sport and against sums made in Python."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from athletics.age_grade import age_grade
from athletics.age_grade_table import AgeGradeTable, Sex
from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON

pytestmark = pytest.mark.anyio

GRADE = """query($input: AgeGradeInput!) { ageGrade(input: $input) {
    percent ageOnDay sex table ageFactor openStandardSeconds ageStandardSeconds ageGradedTimeSeconds } }"""


def performance(**changes):
    return {"distanceMeters": 5000, "elapsedTimeSeconds": 1200, "sex": "MALE", "age": 46} | changes


@pytest.mark.parametrize("table", [None, *AgeGradeTable])
@pytest.mark.parametrize(
    ("sex", "distance_m"), [("MALE", 10_000.0), ("FEMALE", 42_195.0)], ids=["10k", "marathon"]
)
async def test_the_calculator_is_the_rules(shared_api, sex, distance_m, table):
    if table is AgeGradeTable.TRACK_2023:
        distance_m = 1500.0
    found = await shared_api.ask(
        GRADE, input=performance(distanceMeters=distance_m, sex=sex, table=table)
    )
    expected = age_grade(distance_m, 1200.0, Sex(sex), 46, table or AgeGradeTable.ROAD_2025)
    assert found["ageGrade"] == {
        "percent": round(expected.percent, 6),
        "ageOnDay": 46,
        "sex": sex,
        "table": expected.table,
        "ageFactor": round(expected.age_factor, 6),
        "openStandardSeconds": round(expected.open_standard_s, 3),
        "ageStandardSeconds": round(expected.age_standard_s, 3),
        "ageGradedTimeSeconds": round(expected.age_graded_time_s, 3),
    }


@pytest.mark.parametrize(
    ("distance_m", "table"),
    [(400, "TRACK_2023"), (1609.344, "ROAD_2025"), (3000, "TRACK_2023"), (5000, "ROAD_2025")],
)
async def test_null_is_the_table_that_lists_the_distance(shared_api, distance_m, table):
    found = await shared_api.ask(GRADE, input=performance(distanceMeters=distance_m, table=None))
    assert found["ageGrade"]["table"] == table


OUT_OF_TABLE = {
    "short": ({"distanceMeters": 1}, "distanceMeters"),
    "long": ({"distanceMeters": 1e9}, "distanceMeters"),
    "no-length": ({"distanceMeters": 0}, "distanceMeters"),
    "negative-length": ({"distanceMeters": -5000}, "distanceMeters"),
    "no-time": ({"elapsedTimeSeconds": 0}, "elapsedTimeSeconds"),
    "negative-zero": ({"elapsedTimeSeconds": -0.0}, "elapsedTimeSeconds"),
    "negative-time": ({"elapsedTimeSeconds": -1}, "elapsedTimeSeconds"),
    "child": ({"age": 4}, "age"),
    "unborn": ({"age": -1}, "age"),
    "old": ({"age": 101}, "age"),
    "track-on-road": ({"distanceMeters": 100, "table": "ROAD_2025"}, "distanceMeters"),
}


@pytest.mark.parametrize(("changes", "field"), OUT_OF_TABLE.values(), ids=OUT_OF_TABLE)
async def test_what_the_table_does_not_cover_is_an_error_by_its_field(shared_api, changes, field):
    assert await shared_api.error(GRADE, input=performance(**changes)) == {
        "code": "BAD_USER_INPUT",
        "field": f"input.{field}",
    }


SUMMARY = """query($id: ID!, $period: SummaryPeriod!, $from: Date, $until: Date) { athlete(id: $id) {
    trainingSummary(period: $period, from: $from, until: $until) { periodStart runCount distanceMeters
        movingTimeSeconds elapsedTimeSeconds elevationGainMeters longestRunMeters } } }"""
PERIODS = {
    "WEEK": lambda day: day - timedelta(days=day.weekday()),
    "MONTH": lambda day: day.replace(day=1),
    "YEAR": lambda day: day.replace(month=1, day=1),
}


def summed(runs, period):
    groups = defaultdict(list)
    for run in runs:
        groups[PERIODS[period](run["started_at_local"].date()).isoformat()].append(run)
    return [
        {
            "periodStart": start,
            "runCount": len(group),
            "distanceMeters": round(sum(run["distance_m"] for run in group), 3),
            "movingTimeSeconds": sum(run["moving_time_s"] for run in group),
            "elapsedTimeSeconds": sum(run["elapsed_time_s"] for run in group),
            "elevationGainMeters": round(sum(run["elevation_gain_m"] or 0 for run in group), 3),
            "longestRunMeters": max(run["distance_m"] for run in group),
        }
        for start, group in sorted(groups.items(), reverse=True)
    ]


@pytest.fixture
def runs(db):
    """A caller and sixty runs around New Year, whose local day is not the day in UTC."""
    caller, runs = make.create_person(db), []
    for number in range(60):
        started_at = datetime(2025, 12, 1, 23, 30, tzinfo=UTC) + timedelta(days=number)
        run = {
            "started_at": started_at,
            "started_at_local": (started_at + timedelta(hours=1)).replace(tzinfo=None),
            "distance_m": 5000.1 + number,
            "moving_time_s": 1500 + number,
            "elapsed_time_s": 1600 + number,
            "elevation_gain_m": None if number % 3 else number / 7,
            "sport_type": ("Run", "TrailRun", "VirtualRun")[number % 3],
        }
        original = make.create_activity(db, caller.athlete_id, **run)
        runs.append(run)
    make.create_activity(db, caller.athlete_id, **runs[0] | {"sport_type": "Ride"})
    make.create_activity(db, caller.athlete_id, **runs[0], duplicate_of_id=original)
    make.create_activity(db, **runs[0])
    return caller, runs


@pytest.mark.parametrize("period", PERIODS)
async def test_a_summary_is_the_sum_of_the_runs_by_local_day(api, runs, period):
    caller, made = runs
    found = await api.ask(SUMMARY, caller.token, id=caller.id, period=period)
    assert found["athlete"]["trainingSummary"] == summed(made, period)


async def test_a_summary_includes_both_its_days(api, runs):
    caller, made = runs
    asked = {"from": "2025-12-10", "until": "2025-12-12"}
    found = await api.ask(SUMMARY, caller.token, id=caller.id, period="WEEK", **asked)
    within = [
        run
        for run in made
        if 10 <= run["started_at_local"].day <= 12 and run["started_at_local"].month == 12
    ]
    assert len(within) == 3
    assert found["athlete"]["trainingSummary"] == summed(within, "WEEK")


LEADERBOARD = """query($by: LeaderboardBasis!, $filter: LeaderboardFilter, $first: Int, $after: String) {
    leaderboard(distance: KM5, by: $by, filter: $filter, first: $first, after: $after) {
        totalCount nodes { athlete { firstName } } pageInfo { endCursor hasNextPage } } }"""
RUNNERS = {
    # name: seconds, age on the day, sex, country, day of March
    "Ana": (1300.0, 60, "FEMALE", "Portugal", 1),
    "Bo": (1200.0, 25, "MALE", "Sweden", 2),
    "Cy": (1250.0, 50, "MALE", "portugal", 3),
    "Di": (1250.5, None, "FEMALE", "Sweden", 4),
}


@pytest.fixture
def board(db):
    for name, (time, age, sex, country, day) in RUNNERS.items():
        athlete = make.create_athlete(db, first_name=name, sex=sex, country=country)
        moment = NOON.replace(day=day)
        make.create_best(
            db, athlete, time + 60, started_at=moment - timedelta(days=300), age_on_day=None
        )
        make.create_best(db, athlete, time, started_at=moment, age_on_day=age, sex=Sex(sex))
    make.create_best(db, athlete, 2600.0, distance="KM10")
    return make.create_admin(db).token


async def leaders(api, token, by="ELAPSED_TIME", **filter_):
    found = (await api.ask(LEADERBOARD, token, by=by, filter=filter_))["leaderboard"]
    names = [node["athlete"]["firstName"] for node in found["nodes"]]
    assert found["totalCount"] == len(names)
    return names


async def test_leaders_by_time_have_one_best_each(api, board):
    assert await leaders(api, board) == ["Bo", "Cy", "Di", "Ana"]


async def test_leaders_by_age_grade_leave_out_who_has_none(api, board):
    assert await leaders(api, board, "AGE_GRADE") == ["Ana", "Cy", "Bo"]


LEADERBOARD_FILTERS = {
    "sex": ({"sex": "FEMALE"}, ["Di", "Ana"]),
    "country-in-any-case": ({"country": "PORTUGAL"}, ["Cy", "Ana"]),
    "least-age": ({"minAge": 50}, ["Cy", "Ana"]),
    "most-age": ({"maxAge": 50}, ["Bo", "Cy"]),
    "one-age": ({"minAge": 50, "maxAge": 50}, ["Cy"]),
    "from-day": ({"achievedFrom": "2026-03-02"}, ["Bo", "Cy", "Di"]),
    "until-day": ({"achievedUntil": "2026-03-02"}, ["Bo", "Ana"]),
    "several": ({"sex": "MALE", "country": "sweden"}, ["Bo"]),
    "none": ({"country": "%"}, []),
}


@pytest.mark.parametrize(
    ("filter_", "expected"), LEADERBOARD_FILTERS.values(), ids=LEADERBOARD_FILTERS
)
async def test_a_leaderboard_is_filtered(api, board, filter_, expected):
    assert await leaders(api, board, **filter_) == expected


@pytest.mark.parametrize("by", ["ELAPSED_TIME", "AGE_GRADE"])
async def test_a_leaderboard_is_paged(api, board, by):
    names, after = [], None
    for _ in range(4):
        found = (await api.ask(LEADERBOARD, board, by=by, first=1, after=after))["leaderboard"]
        names += [node["athlete"]["firstName"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"] or after
    assert names == await leaders(api, board, by)


async def test_history_is_each_improvement_newest_first(api, db):
    caller = make.create_person(db)
    for day, time in enumerate([1300.0, 1350.0, 1250.0, 1250.0, 1200.0], 1):
        make.create_best(db, caller.athlete_id, time, started_at=NOON.replace(day=day))
    query = """query($id: ID!) { athlete(id: $id) { personalBestHistory(distance: KM5) {
        totalCount nodes { elapsedTimeSeconds improvementSeconds previous { elapsedTimeSeconds } } } } }"""
    history = (await api.ask(query, caller.token, id=caller.id))["athlete"]["personalBestHistory"]
    assert history["totalCount"] == 3
    assert [
        (each["elapsedTimeSeconds"], each["improvementSeconds"]) for each in history["nodes"]
    ] == [
        (1200.0, 50.0),
        (1250.0, 50.0),
        (1300.0, None),
    ]
    assert [each["previous"] for each in history["nodes"]] == [
        {"elapsedTimeSeconds": 1250.0},
        {"elapsedTimeSeconds": 1300.0},
        None,
    ]


EFFORTS = """query($id: ID!, $from: Date, $until: Date, $all: Boolean!) { athlete(id: $id) {
    bestEfforts(distance: KM5, from: $from, until: $until, includeExcluded: $all) { totalCount
        nodes { elapsedTimeSeconds rank } } } }"""


@pytest.fixture
def efforts(db):
    caller = make.create_person(db)
    for day, time in {1: 1300.0, 2: 1250.0, 3: 1200.0, 4: 1250.0}.items():
        make.create_best(db, caller.athlete_id, time, started_at=NOON.replace(day=day))
    make.create_best(db, caller.athlete_id, 1100.0, excluded=True)
    make.create_best(db, caller.athlete_id, 2500.0, distance="KM10")
    return caller


EFFORT_FILTERS = {
    "all": ({}, [(1200.0, 1), (1250.0, 2), (1250.0, 2), (1300.0, 4)]),
    "from": ({"from": "2026-03-03"}, [(1200.0, 1), (1250.0, 2)]),
    "until": ({"until": "2026-03-01"}, [(1300.0, 4)]),
    "nothing": ({"from": "2026-03-02", "until": "2026-03-01"}, []),
    "excluded-too": ({"all": True, "until": "2026-03-01"}, [(1100.0, 1), (1300.0, 4)]),
}


@pytest.mark.parametrize(("asked", "expected"), EFFORT_FILTERS.values(), ids=EFFORT_FILTERS)
async def test_efforts_are_fastest_first_and_equal_ones_share_a_rank(api, efforts, asked, expected):
    found = (await api.ask(EFFORTS, efforts.token, id=efforts.id, **{"all": False} | asked))[
        "athlete"
    ]["bestEfforts"]
    assert [(each["elapsedTimeSeconds"], each["rank"]) for each in found["nodes"]] == expected
    assert found["totalCount"] == len(expected)


async def test_an_implied_effort_shows_only_where_it_counts(api, db):
    caller = make.create_person(db)
    make.create_best(db, caller.athlete_id, 1300.0)
    hidden = make.create_best(db, caller.athlete_id, 1400.0, implied=True, counts=False)
    shown = make.create_best(db, caller.athlete_id, 1200.0, implied=True, counts=False)
    found = (await api.ask(EFFORTS, caller.token, id=caller.id, all=True))["athlete"]["bestEfforts"]
    assert [each["elapsedTimeSeconds"] for each in found["nodes"]] == [1200.0, 1300.0]
    assert hidden != shown


async def test_bests_are_shortest_first_and_of_the_distances_asked_for(api, db):
    caller = make.create_person(db)
    for distance in ("MARATHON", "M400", "KM10"):
        make.create_best(db, caller.athlete_id, 3000.0, distance=distance, age_on_day=None)
    query = """query($id: ID!, $of: [StandardDistance!]) { athlete(id: $id) {
        personalBests(distances: $of) { distance } } }"""

    async def distances(of):
        found = await api.ask(query, caller.token, id=caller.id, of=of)
        return [each["distance"] for each in found["athlete"]["personalBests"]]

    assert await distances(None) == ["M400", "KM10", "MARATHON"]
    assert await distances(["MARATHON", "KM10", "KM10", "KM5"]) == ["KM10", "MARATHON"]
    assert await distances([]) == []


FILTERS = {
    "from": ({"startedFrom": "2026-03-02T12:00:00Z"}, ["long", "ride"]),
    "until": ({"startedUntil": "2026-03-02T12:00:00Z"}, ["short 50%"]),
    "with-offset": ({"startedUntil": "2026-03-02T13:00:00.000001+01:00"}, ["long", "short 50%"]),
    "sport": ({"sportTypes": ["Ride", "Swim"]}, ["ride"]),
    "no-sport": ({"sportTypes": []}, []),
    "least": ({"minDistanceMeters": 42000.5}, ["long"]),
    "most": ({"maxDistanceMeters": 5000}, ["short 50%"]),
    "name": ({"nameContains": "LONG"}, ["long"]),
    "name-with-wildcard": ({"nameContains": "%"}, ["short 50%"]),
    "name-with-underscore": ({"nameContains": "_"}, []),
    "name-with-backslash": ({"nameContains": "\\"}, []),
    "source": ({"source": "FILE"}, ["ride"]),
    "without-duplicates": ({"includeDuplicates": False}, ["long", "short 50%"]),
    "all": ({}, ["long", "ride", "short 50%"]),
}


@pytest.fixture(scope="module")
def runner(shared_db):
    """Has three activities."""
    person = make.create_person(shared_db)
    create = partial(make.create_activity, shared_db, person.athlete_id)
    short, later = create(name="short 50%", distance_m=5000.0), NOON + timedelta(days=1)
    create(name="long", distance_m=42_000.5, started_at=later)
    create(
        name="ride", sport_type="Ride", source="FILE", duplicate_of_id=short,
        started_at=later + timedelta(hours=1),
    )  # fmt: skip
    return person


@pytest.mark.parametrize(("filter_", "expected"), FILTERS.values(), ids=FILTERS)
async def test_activities_are_filtered(shared_api, runner, filter_, expected):
    query = "query($filter: ActivityFilter) { activities(filter: $filter) { totalCount nodes { name } } }"
    found = (await shared_api.ask(query, runner.token, filter=filter_))["activities"]
    assert sorted(node["name"] for node in found["nodes"]) == expected
    assert found["totalCount"] == len(expected)


ATHLETE_FILTERS = {
    "name": ({"nameContains": "ANA s"}, ["Ana"]),
    "wildcard": ({"nameContains": "%"}, []),
    "underscore": ({"nameContains": "_"}, []),
    "sex": ({"sex": "FEMALE"}, ["Ana"]),
    "country": ({"country": "PORTUGAL"}, ["Ana"]),
}


@pytest.mark.parametrize(("filter_", "expected"), ATHLETE_FILTERS.values(), ids=ATHLETE_FILTERS)
async def test_athletes_are_filtered(api, db, filter_, expected):
    make.create_athlete(db, first_name="Ana", last_name="Silva", sex="FEMALE")
    make.create_athlete(db, first_name="Bo", last_name="Ek", country="Sweden")
    query = "query($filter: AthleteFilter) { athletes(filter: $filter) { nodes { firstName } } }"
    found = await api.ask(query, make.create_admin(db).token, filter=filter_)
    assert [node["firstName"] for node in found["athletes"]["nodes"]] == expected


async def test_an_activity_shows_its_columns(api, db):
    caller = make.create_person(db)
    activity = make.create_activity(
        db, caller.athlete_id, strava_id=2**53 + 1, moving_time_s=0, distance_m=0.0,
        started_at=datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC), started_at_local="2026-03-01T09:00:00",
    )  # fmt: skip
    query = """query($id: ID!) { activity(id: $id) { stravaId startedAt startedAtLocal visibility
        averageSpeedMetersPerSecond averagePaceSecondsPerKilometer averageHeartRate } }"""
    assert (await api.ask(query, caller.token, id=encode_id("Activity", activity)))["activity"] == {
        "stravaId": "9007199254740993",
        "startedAt": "2026-03-01T12:00:00.000005Z",
        "startedAtLocal": "2026-03-01T09:00:00",
        "visibility": "EVERYONE",
        "averageSpeedMetersPerSecond": None,
        "averagePaceSecondsPerKilometer": None,
        "averageHeartRate": None,
    }
