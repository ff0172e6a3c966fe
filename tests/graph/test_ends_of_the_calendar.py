"""The first and the last day and instant that there are, as every argument that takes one."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
)

from athletics.age_grade_table import Sex
from tests import factories as make
from tests.graph.walk import SCHEMA, is_connection

pytestmark = pytest.mark.anyio

ENDS = {
    "9999-12-31": "9999-12-31T23:59:59.999999Z",
    "0001-01-01": "0001-01-01T00:00:00Z",
}
PLAIN = {"String": "a", "Int": 120, "Float": 120.0, "Boolean": True}
IS_FIRST = {"from", "since", "startedFrom", "achievedFrom"}
REFUSED = {"BAD_USER_INPUT", "NOT_FOUND", "CONFLICT"}
LOAD = """query($id: ID!, $until: Date) { athlete(id: $id) {
    trainingLoad(days: 3, until: $until) { day load fitness } } }"""


def takes_time(type_: Any) -> bool:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        return any(takes_time(each.type) for each in named.fields.values())
    return named.name in {"Date", "DateTime"}


def sample(type_: Any, day: str, athlete: str, *, is_ends_only: bool) -> Any:
    """A value with `day` wherever it takes one, and what it must have else."""
    if isinstance(type_, GraphQLNonNull):
        return sample(type_.of_type, day, athlete, is_ends_only=is_ends_only)
    if isinstance(type_, GraphQLList):
        return [sample(type_.of_type, day, athlete, is_ends_only=is_ends_only)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: sample(each.type, day, athlete, is_ends_only=is_ends_only)
            for name, each in wanted(type_.fields, is_ends_only=is_ends_only).items()
        }
    return {"Date": day, "DateTime": ENDS[day], "ID": athlete, **PLAIN}[type_.name]


def wanted(declared: dict[str, Any], *, is_ends_only: bool) -> dict[str, Any]:
    return {
        name: each
        for name, each in declared.items()
        if isinstance(each.type, GraphQLNonNull)
        or (takes_time(each.type) and not (is_ends_only and name in IS_FIRST))
    }


def fields() -> list[tuple[str, GraphQLObjectType, str, Any]]:
    roots = {"query": "Query", "mutation": "Mutation", "athlete": "Athlete"}
    return [
        (keyword, name, declared)
        for keyword, type_name in roots.items()
        for name, declared in SCHEMA.get_type(type_name).fields.items()
        if any(takes_time(each.type) for each in declared.args.values())
    ]


def document(keyword: str, name: str, declared: Any, arguments: dict[str, Any]) -> str:
    variables = ", ".join(f"${each}: {declared.args[each].type}" for each in arguments)
    passed = ", ".join(f"{each}: ${each}" for each in arguments)
    target = get_named_type(declared.type)
    below = "__typename userErrors { code }" if keyword == "mutation" else "__typename"
    if is_connection(target):
        below = "totalCount nodes { __typename } edges { cursor }"
    called = f"{name}({passed})" + (f" {{ {below} }}" if is_composite_type(target) else "")
    if keyword == "athlete":
        return f"query({variables}) {{ athletes {{ nodes {{ {called} }} }} }}"
    return f"{keyword}({variables}) {{ {called} }}"


@pytest.fixture
def person(db):
    """A runner with a run and all that loads, zones and bests are computed from."""
    person = make.create_person(
        db, sex=Sex.MALE, resting_heart_rate_bpm=50, max_heart_rate_bpm=190, is_admin=True
    )
    make.create_connection(db, person.athlete_id)
    run = make.create_activity(db, person.athlete_id, average_heart_rate_bpm=150.0)
    make.create_best_effort(db, run)
    return person


async def test_no_argument_takes_them_amiss(api, db, person):
    token = make.create_token(db, person.account_id, scopes=("admin", "read", "sync"))
    asked = set()
    for keyword, name, declared in fields():
        for day in ENDS:
            for is_ends_only in (False, True):
                arguments = {
                    each: sample(argument.type, day, person.id, is_ends_only=is_ends_only)
                    for each, argument in wanted(declared.args, is_ends_only=is_ends_only).items()
                }
                if not any(each in json.dumps(arguments) for each in ENDS):
                    continue
                asked.add(name)
                query = document(keyword, name, declared, arguments)
                answer = await api.answer(query, token, **arguments)
                codes = {each["extensions"]["code"] for each in answer.get("errors", [])}
                assert codes <= REFUSED, (name, arguments, answer)
                assert (day == "9999-12-31") or codes or keyword == "mutation", (name, arguments)
    assert {"trainingLoad", "paceCurve", "activities", "syncStrava", "updateAthlete"} <= asked


async def test_training_load_goes_to_the_last_day(api, person):
    last = date.max
    found = await api.ask(LOAD, person.token, id=person.id, until=str(last))
    assert found["athlete"]["trainingLoad"] == [
        {"day": str(last - timedelta(days=back)), "load": 0, "fitness": 0} for back in (2, 1, 0)
    ]
