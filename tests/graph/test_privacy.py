"""What others do not learn of an athlete: not by counts, ranks, filters and orders, and not by a
new table.
"""

from datetime import date, timedelta

import pytest

from db.models import Base
from db.statements.visibility import OWNER, Audience, visible
from graph.global_id import encode_id
from graph.mapping.row_type import ROW_TYPES
from tests import factories as make

pytestmark = pytest.mark.anyio


def encoded(ids):
    return {type_name: encode_id(type_name, number) for type_name, number in ids.items()}


def _run(db, athlete_id, visibility, distance):
    activity = make.create_activity(db, athlete_id, visibility=visibility)
    effort = make.create_best_effort(db, activity, distance=distance, elapsed_s=3333.0)
    make.create_personal_best(db, effort)
    return {"Activity": activity, "BestEffort": effort, "PersonalBest": effort}


@pytest.fixture
def other(db):
    """An athlete who shares, with a run that everyone may see and one that nobody may."""
    person = make.create_person(db, shares=True, birth_date=date(1961, 2, 3))
    make.create_connection(db, person.athlete_id)
    make.create_job(db, person.athlete_id)
    _run(db, person.athlete_id, "EVERYONE", "KM5")
    _run(db, person.athlete_id, "ONLY_ME", "KM10")
    return person


@pytest.mark.parametrize("visibility", ["FOLLOWERS_ONLY", "ONLY_ME"])
async def test_what_is_not_for_everyone_stays_hidden_with_its_efforts(sharing_api, db, visibility):
    other = make.create_person(db, shares=True)
    ids = encoded(_run(db, other.athlete_id, visibility, "KM5"))
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } athletes { nodes { personalBests { id } } } }"
    found = await sharing_api.ask(query, make.create_person(db).token, ids=list(ids.values()))
    assert found["nodes"] == [None] * 3
    assert {"personalBests": []} in found["athletes"]["nodes"]


async def test_counts_do_not_tell_of_hidden_rows(api, sharing_api, db, other):
    token = make.create_person(db).token
    alone, shared = await api.ask(COUNTS, token), await sharing_api.ask(COUNTS, token)
    assert [each["totalCount"] for each in alone.values()] == [1, 0, 0, 0, 0]
    # With sharing: both athletes, the other's one public run and its best.
    assert [each["totalCount"] for each in shared.values()] == [2, 1, 1, 0, 0]


COUNTS = """{ athletes { totalCount } activities { totalCount } km5: leaderboard(distance: KM5) { totalCount }
    km10: leaderboard(distance: KM10) { totalCount } jobs { totalCount } }"""


async def test_nested_counts_do_not_tell_of_hidden_rows(sharing_api, db, other):
    query = """query($id: ID!) { athlete(id: $id) { activities { totalCount } jobs { totalCount }
        bestEfforts(distance: KM10) { totalCount } personalBestHistory(distance: KM10) { totalCount }
        trainingSummary(period: YEAR) { runCount } birthDate shares stravaConnection { scopes } } }"""
    assert (await sharing_api.ask(query, make.create_person(db).token, id=other.id))["athlete"] == {
        "activities": {"totalCount": 1},
        "jobs": {"totalCount": 0},
        "bestEfforts": {"totalCount": 0},
        "personalBestHistory": {"totalCount": 0},
        "trainingSummary": [{"runCount": 1}],
        "birthDate": None,
        "shares": None,
        "stravaConnection": None,
    }


async def test_ranks_and_improvements_do_not_tell_of_hidden_efforts(sharing_api, db):
    other = make.create_person(db, shares=True)
    make.create_best(db, other.athlete_id, 1300.0, visibility="ONLY_ME")
    shown = make.create_best(db, other.athlete_id, 1250.0, started_at=make.NOON.replace(day=9))
    make.create_best(
        db, other.athlete_id, 1200.0, visibility="ONLY_ME", started_at=make.NOON.replace(day=20)
    )
    query = """query($id: ID!, $pb: ID!) { effort: node(id: $id) { ... on BestEffort { rank } }
        best: node(id: $pb) { ... on PersonalBest { improvementSeconds previous { id } } } }"""
    ids = {"id": encode_id("BestEffort", shown), "pb": encode_id("PersonalBest", shown)}
    assert await sharing_api.ask(query, make.create_person(db).token, **ids) == {
        "effort": {"rank": 1},
        "best": {"improvementSeconds": None, "previous": None},
    }


async def test_the_best_of_those_shown_stands_for_a_hidden_one(sharing_api, db):
    other = make.create_person(db, shares=True)
    shown = make.create_best(db, other.athlete_id, 1250.0, started_at=make.NOON + timedelta(days=1))
    make.create_best(db, other.athlete_id, 1200.0, visibility="ONLY_ME")
    query = """{ athletes { nodes { personalBests { id elapsedTimeSeconds } } }
        leaderboard(distance: KM5) { totalCount nodes { id bestEffort { rank isPersonalBest } } } }"""
    found = await sharing_api.ask(query, make.create_person(db).token)
    best = {"id": encode_id("PersonalBest", shown)}
    assert {"personalBests": [best | {"elapsedTimeSeconds": 1250}]} in found["athletes"]["nodes"]
    leader = best | {"bestEffort": {"rank": 1, "isPersonalBest": True}}
    assert found["leaderboard"] == {"totalCount": 1, "nodes": [leader]}
    own = await sharing_api.ask(query, other.token)
    assert own["leaderboard"]["nodes"][0]["id"] != best["id"]


GRADED = """{ byGrade: leaderboard(distance: KM5, by: AGE_GRADE) { totalCount nodes { ageGrade { ageOnDay } } }
    old: leaderboard(distance: KM5, filter: {minAge: 1}) { totalCount edges { cursor } }
    young: leaderboard(distance: KM5, filter: {maxAge: 150}) { totalCount pageInfo { endCursor } } }"""


@pytest.mark.parametrize("shows", [False, True])
async def test_an_age_is_neither_shown_nor_found_without_consent(sharing_api, db, shows):
    other, viewer = (
        make.create_person(db, shares=True, shares_age_grades=shows),
        make.create_person(db),
    )
    make.create_best(db, other.athlete_id, age_on_day=63)
    make.create_best(db, viewer.athlete_id, age_on_day=45)
    found = await sharing_api.ask(GRADED, viewer.token)
    assert [each["totalCount"] for each in found.values()] == [1 + shows] * 3
    assert {"ageGrade": {"ageOnDay": 45}} in found["byGrade"]["nodes"]
    assert ({"ageGrade": {"ageOnDay": 63}} in found["byGrade"]["nodes"]) is shows


async def test_age_grades_alone_show_nobody(sharing_api, db):
    other = make.create_person(db, shares=False, shares_age_grades=True)
    make.create_best(db, other.athlete_id)
    found = await sharing_api.ask(GRADED, make.create_person(db).token)
    assert [each["totalCount"] for each in found.values()] == [0, 0, 0]


async def test_a_run_recorded_twice_counts_where_its_other_recording_is_hidden(sharing_api, db):
    other = make.create_person(db, shares=True)
    hidden = make.create_activity(db, other.athlete_id, visibility="ONLY_ME")
    make.create_activity(db, other.athlete_id, duplicate_of_id=hidden)
    query = """query($id: ID!) { athlete(id: $id) { trainingSummary(period: YEAR) { runCount }
        activities(filter: {includeDuplicates: false}) { totalCount nodes { duplicateOf { id } } } } }"""
    found = await sharing_api.ask(query, make.create_person(db).token, id=other.id)
    assert found["athlete"] == {
        "trainingSummary": [{"runCount": 1}],
        "activities": {"totalCount": 1, "nodes": [{"duplicateOf": None}]},
    }


OTHERS = [Audience.NOBODY, Audience.ATHLETE, Audience.ATHLETE_WITH_SHARING]


@pytest.mark.parametrize("audience", OTHERS)
def test_a_table_that_nobody_thought_of_is_for_admins_only(audience):
    known = {*OWNER, ROW_TYPES["ApiToken"].model}
    models = {mapper.class_ for mapper in Base.registry.mappers}
    assert {model.__tablename__ for model in models - known} >= {
        "accounts",
        "feedback",
        "activity_streams",
    }
    for model in models - known:
        assert str(visible(model, audience)) == "false", model
        assert str(visible(model, Audience.ADMIN)) == "true"


def test_every_type_of_rows_says_whose_they_are():
    assert {each.model for each in ROW_TYPES.values()} <= {*OWNER, ROW_TYPES["ApiToken"].model}


@pytest.mark.parametrize(
    "type_name",
    ["Account", "Viewer", "Feedback", "StravaAccount", "TrainingSummary", "JobProgress"],
)
async def test_what_is_no_node_is_found_by_no_id(sharing_api, db, other, type_name):
    query = "query($id: ID!) { node(id: $id) { id } }"
    for token in (None, other.token, make.create_admin(db).token):
        assert (await sharing_api.error(query, token, id=encode_id(type_name, 1)))[
            "code"
        ] == "INVALID_ID"
