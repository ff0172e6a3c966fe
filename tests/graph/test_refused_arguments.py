"""A field that can refuse an argument is null by itself: what was asked beside it is answered."""

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_non_null_type,
)

from athletics.age_grade_table import Sex
from tests import factories as make
from tests.graph.walk import SCHEMA

pytestmark = pytest.mark.anyio

BESIDE = """query($id: ID!, $days: Int!) { athlete(id: $id) { id
    load: trainingLoad(days: $days) { day } week: trainingLoad(days: 7) { day } } }"""
REFUSABLE = {"ID", "Int", "Float", "String"}
"""Scalars of which not every value fits. Dates and enums are refused before anything runs."""


def can_be_refused(type_) -> bool:
    named = get_named_type(type_)
    return isinstance(named, GraphQLInputObjectType) or named.name in REFUSABLE


def test_what_can_refuse_an_argument_may_be_null():
    apart = {SCHEMA.mutation_type, SCHEMA.subscription_type}  # each is refused as a whole
    types = [
        each
        for each in SCHEMA.type_map.values()
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType)
        and each not in apart
        and not each.name.startswith("__")
    ]
    blanking = {
        f"{type_.name}.{name}"
        for type_ in types
        for name, field in type_.fields.items()
        if is_non_null_type(field.type)
        and any(can_be_refused(each.type) for each in field.args.values())
    }
    assert blanking == set()


@pytest.mark.parametrize("days", [-(2**31), 0, 367, 2**31 - 1])
async def test_a_refused_load_leaves_its_athlete(api, db, days):
    person = make.create_person(db, resting_heart_rate_bpm=50, max_heart_rate_bpm=190, sex=Sex.MALE)
    make.create_activity(db, person.athlete_id, average_heart_rate_bpm=150.0)
    answer = await api.both(BESIDE, person.token, {"id": person.id, "days": days})
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["athlete", "load"], "OUT_OF_RANGE")
    athlete = answer["data"]["athlete"]
    assert (athlete["id"], athlete["load"]) == (person.id, None)
    assert len(athlete["week"]) == 7
