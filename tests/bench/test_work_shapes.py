"""The shapes of `bench.work_per_point` are of the whole schema, so that no field's cost is unknown."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_introspection_type,
    parse,
    validate,
    visit,
)

from bench.work_shape import Facts, Shape
from bench.work_shapes import shapes
from graph.schema.build import build_schema

SCHEMA = build_schema().core
FACTS = Facts(
    athlete="athlete", activities=["activity"], efforts=["effort"], slow_cursor="cursor",
    recording="recording", gear="gear", job="job", token="token", cursors={},
)  # fmt: skip
NOT_MEASURED = {
    "Subscription.athleteJobs": "sends each job as jobUpdated does",
    "Subscription.athleteJobs(athleteId:)": "the same",
    "Subscription.athleteJobs(since:)": "the same",
    "Subscription.athleteChanged": "one read for all, as of jobs",
    "Subscription.athleteChanged(athleteId:)": "the same",
    "Subscription.athleteChanged(since:)": "the same",
    "AthleteChanges.activities": "the same",
    "AthleteChanges.deletedActivityIds": "the same",
    "AthleteChanges.distances": "the same",
    "AthleteChanges.personalBests": "the same",
}


def is_list(kind: Any) -> bool:
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)


def wanted() -> Iterator[str]:
    """Fields that return lists or have arguments, all arguments, and all members of inputs."""
    for name, kind in SCHEMA.type_map.items():
        if is_introspection_type(kind):
            continue
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, definition in kind.fields.items():
                if definition.args or is_list(definition.type):
                    yield f"{name}.{field}"
                yield from (f"{name}.{field}({each}:)" for each in definition.args)
        elif isinstance(kind, GraphQLInputObjectType):
            # one path for all: one is measured
            names = (each for each in kind.fields if each != "idempotencyKey")
            yield from (f"{name}.{field}" for field in names)


class Found(Visitor):
    """Gathers what a document uses, as `wanted` names it."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._info = info

    def enter_field(self, node, *_):
        self._field = f"{self._info.get_parent_type()}.{node.name.value}"
        self.names.add(self._field)
        self.names.update(f"{self._field}({each.name.value}:)" for each in node.arguments or ())

    def enter_object_field(self, node, *_):
        parent = get_named_type(self._info.get_parent_input_type())
        self.names.add(f"{parent}.{node.name.value}")


def names_of(shape: Shape) -> set[str]:
    info = TypeInfo(SCHEMA)
    found = Found(info)
    visit(parse(shape.query(FACTS).replace("$unlike", "")), TypeInfoVisitor(info, found))
    return found.names


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.name)
def test_a_shape_fits_the_schema(shape: Shape):
    text = shape.query(FACTS).replace("$unlike", "")
    assert bool(validate(SCHEMA, parse(text))) == shape.is_invalid


def test_shapes_have_names_of_their_own():
    names = [shape.name for shape in shapes()]
    assert len(names) == len(set(names))


def test_the_whole_schema_is_in_a_shape():
    used = set().union(*(names_of(shape) for shape in shapes()))
    assert sorted({*wanted()} - used) == sorted(NOT_MEASURED)
