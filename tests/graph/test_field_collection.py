"""Collecting fields as the specification says; graphql-core's own execution is the reference."""

import pytest
from graphql import DirectiveLocation, OperationDefinitionNode, build_schema, execute_sync, parse

from graph.field_collection import FieldCollector
from graph.schema.build import build_schema as build_ours

SCHEMA = build_schema("""
    interface Named { name: String }
    union Thing = Cat | Dog
    type Cat implements Named { name: String lives: Int }
    type Dog implements Named { name: String barks: Boolean }
    type Query implements Named { name: String a: Int b: Int c: Int thing: Thing }
""")


def names(
    text: str, type_name: str = "Query", variables: dict[str, bool] | None = None
) -> dict[str, list[str]]:
    """Response names with the names of the fields merged under each."""
    document = parse(text)
    fragments = {
        each.name.value: each
        for each in document.definitions
        if not isinstance(each, OperationDefinitionNode)
    }
    [operation] = [
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    ]
    collector = FieldCollector(SCHEMA, fragments, variables)
    found = collector.collect(SCHEMA.get_type(type_name), [operation.selection_set])
    return {name: [node.name.value for node in nodes] for name, nodes in found.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ b a }", ["b", "a"]),
        ("{ a x: b a }", ["a", "x"]),
        ("{ c ...f b } fragment f on Query { a b }", ["c", "a", "b"]),
        ("{ ... on Named { name } ... on Query { a } ... { b } }", ["name", "a", "b"]),
        ("{ ...f ...f } fragment f on Query { a ...g } fragment g on Query { b }", ["a", "b"]),
        ("{ a @skip(if: true) b @include(if: false) c @skip(if: false) }", ["c"]),
        ("{ a @skip(if: false) @include(if: false) b }", ["b"]),
        ("{ ...f @skip(if: true) ...f } fragment f on Query { a }", ["a"]),
        ("{ ... @include(if: false) { a } ... @include(if: true) { b } }", ["b"]),
    ],
)
def test_fields_are_those_of_execution_in_its_order(text, expected):
    assert list(names(text)) == expected
    assert list(execute_sync(SCHEMA, parse(text)).data) == expected


def test_fields_of_one_response_name_are_merged():
    assert names("{ x: a ... { x: a } b }") == {"x": ["a", "a"], "b": ["b"]}


def test_type_conditions_of_other_types_do_not_apply():
    text = "{ ... on Cat { lives } ... on Dog { barks } ... on Named { name } ... on Thing { __typename } }"
    assert list(names(text, "Cat")) == ["lives", "name", "__typename"]
    assert list(names(text, "Query")) == ["name"]


@pytest.mark.parametrize("value", [True, False])
def test_variables_decide(value):
    text = "query($v: Boolean!) { a @include(if: $v) b @skip(if: $v) }"
    assert list(names(text, variables={"v": value})) == (["a"] if value else ["b"])


def test_unknown_variables_select_all_that_some_values_select():
    text = "query($v: Boolean!) { a @include(if: $v) b @skip(if: $v) c @skip(if: true) }"
    assert list(names(text)) == ["a", "b"]


def test_the_schema_has_no_other_directives_in_selections():
    """Others would be ignored by the collector. Operations are split by @defer and @stream before."""
    places = {
        DirectiveLocation.FIELD,
        DirectiveLocation.FRAGMENT_SPREAD,
        DirectiveLocation.INLINE_FRAGMENT,
    }
    found = {each.name for each in build_ours().core.directives if places & set(each.locations)}
    assert found == {"skip", "include", "defer", "stream"}
