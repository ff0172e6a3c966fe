"""Who sees what: over every path that leads to a row, and nothing of a stranger on any path the schema has."""

import json
from dataclasses import dataclass
from datetime import date

import pytest
from graphql import GraphQLObjectType, get_named_type, is_required_argument

from graph.ids import encode_id
from tests import factories as make
from tests.graph.walk import REQUIRED, SCHEMA, call, fragment, is_connection, node_types, selection, types_below

pytestmark = pytest.mark.anyio

MARK = "Geheim"
"""In every text of the other athlete."""
PUBLIC = {"AgeGrade": "calculated from arguments", "RateLimit": "the caller's own", "Query": "the root"}
"""Types that signed-out callers get, and why."""


@dataclass
class Other:
    """An athlete with one of everything, and the global ids of it."""

    person: make.Person
    ids: dict[str, str]
    secret_ids: dict[str, str]


@pytest.fixture
def make_other(db):
    def create(**athlete) -> Other:
        born = {"birth_date": date(1961, 2, 3)}
        person = make.create_person(db, first_name=MARK, last_name=MARK, city=MARK, **(born | athlete))
        make.create_connection(db, person.athlete_id, strava_athlete_id=77007700)
        ids = {
            "Athlete": person.athlete_id,
            "Job": make.create_job(db, person.athlete_id, status="FAILED", error_message=MARK),
        }
        ids |= _run(db, person.athlete_id, "EVERYONE", "KM5")
        secret = _run(db, person.athlete_id, "ONLY_ME", "KM10")
        ids["ApiToken"] = db.exec_driver_sql("SELECT max(id) FROM api_tokens").scalar_one()
        return Other(person, encoded(ids), encoded(secret))

    return create


def encoded(ids):
    return {type_name: encode_id(type_name, number) for type_name, number in ids.items()}


def _run(db, athlete_id, visibility, distance):
    activity = make.create_activity(db, athlete_id, name=f"{MARK} {visibility}", visibility=visibility)
    effort = make.create_best_effort(db, activity, distance=distance, elapsed_s=3333.0)
    make.create_personal_best(db, effort)
    return {"Activity": activity, "BestEffort": effort, "PersonalBest": effort}


def queries_of_everything(other):
    """Every node of the other athlete's and every root field, with all that hangs on them."""
    for ids in (other.ids, other.secret_ids):
        for type_ in node_types():
            if type_.name in ids:
                yield f'{{ node(id: "{ids[type_.name]}") {{ __typename id {fragment(type_, 1, distance="KM10")} }} }}'
        yield "{ nodes(ids: [" + ", ".join(f'"{each}"' for each in ids.values()) + "]) { __typename id } }"
    for name, field in SCHEMA.query_type.fields.items():
        target = get_named_type(field.type)
        if "id" in field.args and name != "node":
            for ids in (other.ids, other.secret_ids):
                yield f'{{ {name}(id: "{ids.get(target.name, other.ids[target.name])}") {{ {selection(target, 0)} }} }}'
        elif name not in {"node", "nodes"}:
            yield f"{{ {call(name, field)} {{ {selection(target, 1)} }} }}"


async def everything(api, token, other) -> str:
    answers = []
    for query in queries_of_everything(other):
        answers += [await api.answer(query, token), await api.answer_unplanned(query, token)]
    assert not [answer for answer in answers if "errors" in answer], answers
    return json.dumps([answer["data"] for answer in answers])


def leaks(text, other):
    found = [name for ids in (other.ids, other.secret_ids) for name, each in ids.items() if each in text]
    return found + [mark for mark in (MARK, "1961-02-03", "77007700", "3333") if mark in text]


async def test_a_stranger_gets_nothing_on_any_path(api, db, make_other):
    other = make_other(shares=True)
    assert leaks(await everything(api, make.create_person(db).token, other), other) == []


async def test_who_is_signed_out_gets_nothing_on_any_path(sharing_api, make_other):
    other = make_other(shares=True)
    assert leaks(await everything(sharing_api, None, other), other) == []


async def test_without_the_athletes_consent_sharing_shows_nothing(sharing_api, db, make_other):
    other = make_other(shares=False)
    assert leaks(await everything(sharing_api, make.create_person(db).token, other), other) == []


async def test_with_consent_only_what_is_public_shows(sharing_api, db, make_other):
    other = make_other(shares=True)
    text = await everything(sharing_api, make.create_person(db).token, other)
    assert set(leaks(text, other)) == {MARK, "3333", "Athlete", "Activity", "BestEffort", "PersonalBest"}
    assert not [each for each in other.secret_ids.values() if each in text]
    assert "ONLY_ME" not in text


@pytest.mark.parametrize("visibility", ["FOLLOWERS_ONLY", "ONLY_ME"])
async def test_what_is_not_for_everyone_stays_hidden_with_its_efforts(sharing_api, db, visibility):
    other = make.create_person(db, shares=True)
    ids = encoded(_run(db, other.athlete_id, visibility, "KM5"))
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } athletes { nodes { personalBests { id } } } }"
    found = await sharing_api.ask(query, make.create_person(db).token, ids=list(ids.values()))
    assert found["nodes"] == [None] * 3
    assert {"personalBests": []} in found["athletes"]["nodes"]


@pytest.mark.parametrize("admin", [False, True], ids=["owner", "admin"])
async def test_owner_and_admin_get_everything(api, db, make_other, admin):
    other = make_other()
    text = await everything(api, make.create_admin(db).token if admin else other.person.token, other)
    missing = {*other.ids.values(), *other.secret_ids.values(), "1961-02-03", "77007700"}
    assert [each for each in missing if each not in text] == []


async def test_each_type_was_reached(api, make_other):
    """The walk above asked for every object type there is; a type it cannot reach must be named here."""
    other = make_other()
    text = await everything(api, other.person.token, other)
    reachable = types_below(SCHEMA.query_type)
    assert [name for name in reachable if f'"{name}"' not in text and name not in PUBLIC] == []


async def test_counts_do_not_tell_of_hidden_rows(api, sharing_api, db, make_other):
    make_other(shares=True)
    token = make.create_person(db).token
    alone, shared = await api.ask(COUNTS, token), await sharing_api.ask(COUNTS, token)
    assert [each["totalCount"] for each in alone.values()] == [1, 0, 0, 0, 0]
    # With sharing: both athletes, the other's one public run and its best.
    assert [each["totalCount"] for each in shared.values()] == [2, 1, 1, 0, 0]


COUNTS = """{ athletes { totalCount } activities { totalCount } km5: leaderboard(distance: KM5) { totalCount }
    km10: leaderboard(distance: KM10) { totalCount } jobs { totalCount } }"""


async def test_nested_counts_do_not_tell_of_hidden_rows(sharing_api, db, make_other):
    other = make_other(shares=True)
    query = """query($id: ID!) { athlete(id: $id) { activities { totalCount } jobs { totalCount }
        bestEfforts(distance: KM10) { totalCount } personalBestHistory(distance: KM10) { totalCount }
        trainingSummary(period: YEAR) { runCount } birthDate shares stravaConnection { scopes } } }"""
    assert (await sharing_api.ask(query, make.create_person(db).token, id=other.ids["Athlete"]))["athlete"] == {
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
    make.create_best(db, other.athlete_id, 1200.0, visibility="ONLY_ME", started_at=make.NOON.replace(day=20))
    query = """query($id: ID!, $pb: ID!) { effort: node(id: $id) { ... on BestEffort { rank } }
        best: node(id: $pb) { ... on PersonalBest { improvementSeconds previous { id } } } }"""
    ids = {"id": encode_id("BestEffort", shown), "pb": encode_id("PersonalBest", shown)}
    assert await sharing_api.ask(query, make.create_person(db).token, **ids) == {
        "effort": {"rank": 1},
        "best": {"improvementSeconds": None, "previous": None},
    }


async def test_a_token_without_the_admin_scope_sees_as_its_athlete(api, db, make_other):
    other = make_other()
    plain = make.create_person(db, is_admin=True, scopes=("read", "sync"))
    assert leaks(await everything(api, plain.token, other), other) == []


async def test_an_admin_scope_without_an_administrators_account_gives_nothing(api, db, make_other):
    other = make_other()
    demoted = make.create_person(db, is_admin=False, scopes=("admin", "read", "sync"))
    assert leaks(await everything(api, demoted.token, other), other) == []


def test_every_connection_can_be_walked():
    for type_ in types_below(SCHEMA.query_type).values():
        assert isinstance(type_, GraphQLObjectType)
        required = {name for f in type_.fields.values() for name, a in f.args.items() if is_required_argument(a)}
        assert required <= {*REQUIRED, "id", "ids"} or is_connection(type_), type_.name
