"""How an operation with @defer and @stream is split."""

import re
from typing import Any

import pytest
from graphql import print_ast

from graph.delivery.parts import Condition, SplitOperation
from graph.delivery.splitter import MOST_PARTS, split
from graph.document.operation import Document, Operation
from graph.document.validation import DocumentValidator
from graph.schema.build import build_schema
from tests.graph.limits import WIDE_LIMITS


def read_operation(query: str, name: str | None = None) -> Operation:
    schema = build_schema()
    read = DocumentValidator(schema.core, WIDE_LIMITS).read(query)
    assert not read.errors, read.errors
    operation = Document(read, schema.costs, WIDE_LIMITS, query).operation(name)
    assert operation is not None
    return operation


def split_of(query: str, **variables: Any) -> SplitOperation | None:
    operation = read_operation(query)
    return split(build_schema().core, operation, operation.prepare(variables).variables)


def written(operation: Operation | None) -> str:
    assert operation is not None
    return re.sub(r"\s+", " ", print_ast(operation.node)).strip()


def test_a_fragment_becomes_an_operation_of_its_own():
    found = split_of(
        """query($id: ID!) { athlete(id: $id) { id activities(first: 2) { nodes {
        id ...Rest @defer(label: "rest") } } } } fragment Rest on Activity { name }""",
        id="x",
    )
    [part] = found.parts
    assert (part.label, part.path) == ("rest", ("athlete", "activities", "nodes"))
    assert (part.parent, part.first, found.has_hidden) == (None, None, False)
    begun = "query ($id: ID!) { athlete(id: $id)"
    assert written(found.first) == f"{begun} {{ id activities(first: 2) {{ nodes {{ id }} }} }} }}"
    assert (
        written(part.operation) == f"{begun} {{ activities(first: 2) {{ nodes {{ name }} }} }} }}"
    )


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { id } }",
        "{ viewer { id ... @defer(if: false) { scopes } } }",
        "query($if: Boolean!) { viewer { id ... @defer(if: $if) { scopes } } }",
        "query($if: Boolean!) { viewer { id ... @include(if: $if) @defer { scopes } } }",
        "{ athletes { nodes @stream(if: false) { id } } }",
    ],
)
def test_what_is_not_put_off_is_not_split(query):
    assert split_of(query, **({"if": False} if "$if" in query else {})) is None


def test_the_condition_of_a_directive_may_be_left_to_its_default():
    query = "query($if: Boolean) { viewer { id ... @defer(if: $if) { scopes } } }"
    assert len(split_of(query).parts) == 1


def test_fragments_inside_others_come_after_them():
    found = split_of(
        """{ viewer { ... @defer(label: "a") { athlete { sex ... @defer(label: "b") { id } } }
        ... @defer(label: "c") { scopes } } }"""
    )
    a, b, c = found.parts
    assert [each.label for each in (a, b, c)] == ["a", "b", "c"]
    assert [each.parent for each in (a, b, c)] == [None, a, None]
    assert written(a.operation) == "{ viewer { athlete { sex } } }"
    assert written(b.operation) == "{ viewer { athlete { id } } }"


def test_an_object_without_anything_else_is_there_at_once():
    found = split_of("{ viewer { ... @defer { id } } }")
    assert found.has_hidden
    assert written(found.first) == f"{{ viewer {{ {found.hidden}: __typename }} }}"
    everything = split_of("{ ... @defer { viewer { id } } }")
    assert everything.parts[0].path == ()


def test_an_added_member_has_a_name_that_the_document_has_not():
    found = split_of("{ viewer { ... @defer { __type: id __type_: id } } }")
    assert found.hidden == "__type__"


def test_types_decide_where_a_fragment_belongs():
    found = split_of(
        """query($id: ID!) { node(id: $id) { id ... on Activity { ... @defer { name } } } }""",
        id="x",
    )
    [part] = found.parts
    assert part.conditions == (Condition(1, frozenset({"Activity"})),)
    assert f"{found.hidden}: __typename" in written(found.first)
    assert "... on Activity { name }" in written(part.operation)


def test_a_list_is_read_as_far_as_it_is_sent_at_once():
    found = split_of(
        '{ athletes { totalCount nodes @stream(initialCount: 2, label: "all") { id } } }'
    )
    [part] = found.parts
    assert (part.path, part.first, part.label) == (("athletes", "nodes"), 2, "all")
    assert written(found.first) == "{ athletes(first: 2) { totalCount nodes { id } } }"
    assert written(part.operation) == "{ athletes { nodes { id } } }"


@pytest.mark.parametrize(
    "athletes",
    [
        "athletes { nodes @stream { id } pageInfo { hasNextPage } }",
        "athletes { nodes @stream(initialCount: 0) { id } }",
        "athletes(first: 2) { nodes @stream(initialCount: 2) { id } }",
        "athletes(last: 9) { nodes @stream(initialCount: 2) { id } }",
        "athletes { nodes @stream(initialCount: 2) { id } edges { cursor } }",
        "athletes { nodes @stream(initialCount: 2) { id } } ... { athletes { totalCount } }",
    ],
)
def test_a_list_is_read_wholly_where_more_depends_on_its_size(athletes):
    found = split_of(f"{{ {athletes} }}")
    [part] = found.parts
    assert part.operation is None


def test_a_fragment_that_is_spread_twice_in_an_object_is_one_part():
    query = (
        "{ viewer { ...A @defer ...A @defer } } fragment A on Viewer { id ... @defer { scopes } }"
    )
    assert len(split_of(query).parts) == 2


def test_too_many_parts_are_answered_at_once():
    parts = " ".join(["... @defer { id }"] * MOST_PARTS)
    assert len(split_of(f"{{ viewer {{ {parts} }} }}").parts) == MOST_PARTS
    assert split_of(f"{{ viewer {{ {parts} ... @defer {{ id }} }} }}") is None


def test_too_many_places_are_answered_at_once():
    query = """query($id: ID!, $first: Int!) { athlete(id: $id) { activities(first: $first) {
    nodes { id ...A @defer ...B @defer } } } }
    fragment A on Activity { name } fragment B on Activity { distanceMeters }"""
    assert len(split_of(query, id="x", first=1000).parts) == 2
    nested = query.replace("{ name }", "{ name ... @defer { sportType } ... @defer { notes } }")
    assert split_of(nested, id="x", first=1000) is None
    assert len(split_of(nested, id="x", first=100).parts) == 4


def test_fragments_that_multiply_are_answered_at_once():
    fragments = [
        f"fragment F{each} on Athlete {{ activities {{ nodes {{ athlete {{ ...F{each + 1} }} }} edges {{"
        f" node {{ athlete {{ ...F{each + 1} }} }} }} }} }}"
        for each in range(16)
    ]
    last = "fragment F16 on Athlete { id ... @defer { sex } }"
    query = f"{{ viewer {{ athlete {{ ...F0 }} }} }} {' '.join(fragments)} {last}"
    assert split_of(query) is None
