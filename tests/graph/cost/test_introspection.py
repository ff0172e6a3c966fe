"""What questions about the schema cost: what they cause, however they are written."""

import re
from itertools import chain, product
from time import process_time

import pytest
from graphql import execute_sync, get_introspection_query, parse

from graph.cost.prices import INTROSPECTION, MEMBERS_PER_POINT
from graph.document.operation import PreparedOperation
from graph.schema.build import build_schema
from tests.graph.cost.test_model import cost_of, operation_of

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()

INSIDE = {
    "leaves": "name description",
    "lists": "fields { name args { name } }",
    "wrapped": "fields { type { kind ofType { ofType { ofType { name } } } } }",
    "enums": "enumValues { name isDeprecated }",
    "inputs": "inputFields { type { name } }",
    "around": "interfaces { possibleTypes { name } }",
    "typename": "__typename possibleTypes { __typename }",
}
ROOTS = {
    "types": "__schema { %stypes { %s } }",
    "one type": '__type(name: "Query") { %sofType { name } %s }',
    "query type": "__schema { %squeryType { %s } }",
}
FORMS = {
    "aliases": lambda text: re.sub(r"(\w+)", r"a_\1: \1", text),
    "an inline fragment": lambda text: f"... on __Type {{ {text} }}",
    "two of them": lambda text: f"... {{ ... @include(if: true) {{ {text} }} }}",
    "a fragment": lambda text: "...F",
}


@pytest.mark.parametrize(("root", "inside"), list(product(ROOTS, INSIDE)))
async def test_the_form_of_a_question_does_not_change_its_cost(root, inside):
    plain = "{ " + ROOTS[root] % ("", INSIDE[inside]) + " }"
    cost, _ = await cost_of(plain)
    for make in FORMS.values():
        text = "{ r: " + ROOTS[root] % ("q: ", make(INSIDE[inside])) + " }"
        if "...F" in text:
            text += f" fragment F on __Type {{ {INSIDE[inside]} }}"
        assert (await cost_of(text))[0] == cost, text


REPEATED = [
    "types { fields { args { name } } }", "types { description }", "queryType { fields { name } }",
    "directives { args { name type { name } } }", "types { fields { type { name ofType { name } } } }",
]  # fmt: skip


@pytest.mark.parametrize("repeated", REPEATED)
async def test_what_is_asked_several_times_costs_several_times(repeated):
    once = (await cost_of(f"{{ __schema {{ {repeated} }} }}"))[0] - INTROSPECTION
    for times in (2, 28):
        asked = " ".join(f"a{number}: {repeated}" for number in range(times))
        cost = (await cost_of(f"{{ __schema {{ {asked} }} }}"))[0] - INTROSPECTION
        assert times * once <= cost < times * (once + 1)


def aliases(asked: str, times: int) -> str:
    return " ".join(f"a{number}: {asked}" for number in range(times))


_QUERY_TYPE = '__type(name: "Query") { fields { name type { name } } }'
_SPREAD = (
    "{ __schema { types { ...A ...B } } }"
    f" fragment A on __Type {{ {aliases('fields { name type { name } }', 10)} }}"
    f" fragment B on __Type {{ ...A fields {{ {aliases('type { name }', 5)} }} }}"
)
DEAR = {
    "GraphiQL's": get_introspection_query(),
    "lists": f"{{ __schema {{ {aliases('types { fields { args { name } } }', 28)} }} }}",
    "leaves of entries": f"{{ __schema {{ types {{ fields {{ {aliases('name', 30)} }} }} }} }}",
    "leaves of types": f"{{ __schema {{ types {{ {aliases('name', 30)} }} }} }}",
    "objects of entries":
        f"{{ __schema {{ types {{ fields {{ {aliases('type { ofType { ofType { name } } }', 30)} }} }} }} }}",
    "entries without a list inside": f"{{ __schema {{ {aliases('types { description }', 28)} }} }}",
    "values": f"{{ __schema {{ types {{ {aliases('enumValues { name description }', 30)} }} }} }}",
    "types by name": f"{{ {aliases(_QUERY_TYPE, 30)} }}",
    "through fragments": _SPREAD,
}  # fmt: skip


@pytest.mark.parametrize("text", DEAR.values(), ids=DEAR)
async def test_a_point_is_a_bounded_part_of_the_answer(text):
    cost, _ = await cost_of(text)
    answer, seconds = answered(text)
    assert members(answer) <= MEMBERS_PER_POINT * cost
    attempts = chain([seconds], (answered(text)[1] for _ in range(2)))  # no more than it needs
    assert any(each / cost < 0.001 for each in attempts), (
        "a point is some 0.07 ms; reading a document 0.5"
    )


def members(value) -> int:
    if isinstance(value, list):
        return sum(map(members, value))
    return sum(1 + members(each) for each in value.values()) if isinstance(value, dict) else 0


def answered(text: str) -> tuple[dict | None, float]:
    """The answer, and the seconds of CPU that it took."""
    began = process_time()
    answer = execute_sync(SCHEMA.core, parse(text)).data
    return answer, process_time() - began


async def test_variables_count_as_literals_do():
    by_name = (
        "query ($n: String!, $b: Boolean = true) { __type(name: $n) { ...F @include(if: $b) } }"
    )
    by_name += f" fragment F on __Type {{ {aliases('fields { name args { name } }', 4)} }}"
    operation = await operation_of(by_name)
    for name, is_asked in product(["Query", "Mutation", "Nothing", "Activity"], [True, False]):
        prepared = operation.prepare({"n": name, "b": is_asked})
        assert isinstance(prepared, PreparedOperation)
        literal = by_name.replace("$n: String!, $b: Boolean = true", "$b: Boolean!")
        literal = literal.replace("name: $n", f'name: "{name}"')
        assert (prepared.cost, "__type") == await cost_of(literal, b=is_asked)


async def test_the_cost_is_known_sooner_than_the_answer():
    text = DEAR["objects of entries"]
    operation = await operation_of(text)
    began = process_time()
    operation.prepare({})
    assert process_time() - began < answered(text)[1] / 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ __schema { queryType { name } } __typename }", True),
        ("{ ... on Query { __schema { queryType { name } } } }", True),
        ('{ ...F } fragment F on Query { ... { a: __type(name: "A") { name } } }', True),
        ("{ ...F __typename } fragment F on Query { viewer { scopes } __schema { queryType { name } } }", False),
        ("{ __schema { queryType { name } } viewer @skip(if: true) { scopes } }", True),
        ("query($v: Boolean!) { __schema { queryType { name } } viewer @skip(if: $v) { scopes } }", False),
        ("{ __typename }", False),
    ],
)  # fmt: skip
async def test_questions_through_fragments_are_still_nothing_else(text, expected):
    assert (await operation_of(text)).is_introspection is expected
