"""Whatever field of a mutation's input is wrong, the refusal names it: one way, in path and message."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
)

from graph.schema.build import build_core_schema
from tests import factories as make
from tests.graph.test_mutation import MUTATIONS, content, inputs_of, mutate

pytestmark = pytest.mark.anyio

SCHEMA = build_core_schema()
REQUIRED_VALUES = {
    "HeartRateZonesInput": {"validFrom": "2026-01-01", "lowestBeatsPerMinute": [100]},
    "FileToStage": {"name": "run.fit", "sizeBytes": 9},
    "ActivityReference": {},
}
"""What the objects within inputs need beside the value that is wrong."""
WRONG = {
    "ID": "x",
    "String": "a\x00b",
    "Date": "2999-01-01",
    "DateTime": "1999-01-01T00:00:00Z",
    "Int": -1,
    "Float": -1.5,
}
"""A value of each scalar that coercion takes and no field does."""
MAY_BE_ANYTHING = {"until"}
"""Names of fields that take the value: days of syncs need no end in the past."""


def places(
    of: GraphQLInputObjectType, given: dict[str, Any], path: str = "input"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each place of a value below an input, and `given` with a wrong value there."""
    for name, declared in of.fields.items():
        for place, wrong in _values(declared, f"{path}.{name}"):
            yield place, given | {name: wrong}


def _values(declared: GraphQLInputField, path: str) -> Iterator[tuple[str, Any]]:
    named = get_named_type(declared.type)
    is_list = isinstance(get_nullable_type(declared.type), GraphQLList)
    found: Iterator[tuple[str, Any]] = iter(())
    path = f"{path}[0]" if is_list else path
    if isinstance(named, GraphQLInputObjectType):
        found = places(named, REQUIRED_VALUES[named.name], path)
    elif named.name in WRONG:
        found = iter([(path, WRONG[named.name])])
    for place, wrong in found:
        yield place, [wrong] if is_list else wrong


CASES = [
    (name, place)
    for name, (of, _) in MUTATIONS.items()
    for place, _ in places(SCHEMA.type_map[of], {})
    if place.rpartition(".")[2] not in MAY_BE_ANYTHING
]


@pytest.fixture(scope="module")
def owner(shared_db):
    return make.create_person(shared_db)


@pytest.fixture(scope="module")
def inputs(shared_db, owner):
    return inputs_of(shared_db, owner)


def test_there_are_places_of_all_kinds():
    assert len(CASES) > 60
    assert ("stageUploads", "input.files[0].sizeBytes") in CASES
    assert ("importActivities", "input.uploadIds[0]") in CASES
    assert ("syncStrava", "input.activity.stravaId") in CASES


@pytest.mark.parametrize(("name", "place"), CASES, ids=[" ".join(each) for each in CASES])
async def test_a_wrong_value_is_named(shared_api, shared_db, owner, inputs, name, place):
    of = SCHEMA.type_map[MUTATIONS[name][0]]
    before = content(shared_db)
    given = dict(places(of, inputs[name]))[place]
    payload = await mutate(shared_api, name, owner.token, **given)
    [error] = payload["userErrors"]
    assert (error["field"], error["code"]) == (re.findall(r"[^.\[\]]+", place), "INVALID")
    assert error["message"].startswith(f"`{place.removeprefix('input.')}` ")
    assert error["message"].endswith(".")
    assert content(shared_db) == before
