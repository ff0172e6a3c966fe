"""Costs: what `schema.graphql` shows is what is charged, computed here anew from that file alone."""

from functools import cache
from itertools import product
from timeit import repeat
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_object_type,
)
from graphql import build_schema as build_from_file
from hypothesis import HealthCheck, given, settings

from graph.cost.directives import sized
from graph.cost.model import CostModel
from graph.document.limits import DocumentLimits
from graph.document.operation import Operation, PreparedOperation
from graph.document.store import DocumentStore
from graph.global_id import encode_id
from graph.schema.build import Schema, build_schema
from settings import load_settings
from tests.error_links import unlinked
from tests.graph.api import serve
from tests.graph.cost_of_file import FromTheFile
from tests.graph.plan.queries import documents
from tests.graph.test_schema_file import SCHEMA_FILE

pytestmark = pytest.mark.anyio

LIMITS = DocumentLimits.from_settings(
    load_settings(None, document_max_depth=100, document_max_aliases=1000)
)
IDS = [encode_id(name, 1) for name in ("Athlete", "Activity", "PersonalBest", "BestEffort", "Job")]


@cache
def file_schema() -> GraphQLSchema:
    return build_from_file(SCHEMA_FILE.read_text())


async def operation_of(text: str) -> Operation:
    reading = DocumentStore(build_schema().costs, LIMITS)
    document = await reading.read(text)
    reading.close()
    assert document.errors == []
    operation = document.operation(None)
    assert operation is not None
    return operation


async def cost_of(text: str, **variables: Any) -> tuple[int, str]:
    """Cost and path; the file must say the same cost."""
    operation = await operation_of(text)
    prepared = operation.prepare(variables)
    assert isinstance(prepared, PreparedOperation)
    assert FromTheFile(file_schema(), text, variables).cost() == prepared.cost
    return prepared.cost, ".".join(prepared.path)


@given(documents(IDS, ["x"]))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
async def test_generated_queries_cost_what_the_file_says(generated):
    text, variables = generated
    operation = await operation_of(text)
    prepared = operation.prepare(variables)
    if isinstance(prepared, PreparedOperation):
        assert prepared.cost == FromTheFile(file_schema(), text, variables).cost()


COSTS = {
    "a scalar": ("{ __typename }", 0, ""),
    "an object": ("{ viewer { scopes } }", 1, "viewer"),
    "a page": ("{ activities(first: 7) { nodes { name } } }", 8, "activities.nodes"),
    "its default": ("{ activities { nodes { name } } }", 21, "activities.nodes"),
    "the last": ("{ activities(last: 3) { nodes { name } } }", 4, "activities.nodes"),
    "the larger": ("{ activities(first: 2, last: 3) { nodes { name } } }", 4, "activities.nodes"),
    "edges": ("{ activities(first: 7) { edges { node { name } } } }", 15, "activities.edges.node"),
    "both": (
        "{ activities(first: 7) { edges { cursor } nodes { name } } }",
        15,
        "activities.edges",
    ),
    "no list": (
        "{ activities(first: 7) { totalCount pageInfo { hasNextPage } } }",
        2,
        "activities.pageInfo",
    ),
    "nested": (
        "{ athletes(first: 5) { nodes { activities(first: 10) { nodes { name } } } } }",
        1 + 5 * (1 + 1 + 10),
        "athletes.nodes.activities.nodes",
    ),
    "a declared size": (
        "{ athlete(id: 1) { trainingSummary(period: WEEK) { runCount } } }",
        53,
        "",
    ),
    "a list's length": (
        "{ athlete(id: 1) { personalBests(distances: [KM5, KM10]) { distance } } }",
        3,
        "",
    ),
    "its declared size": (
        "{ athlete(id: 1) { personalBests { distance } } }",
        17,
        "athlete.personalBests",
    ),
    "ids": ("{ nodes(ids: [1, 2, 3]) { id } }", 3, "nodes"),
    "points": (
        "{ activity(id: 1) { streams(maxPoints: 60) { timeSeconds heartRate } } }",
        1 + 20 + 6,
        "activity.streams",
    ),
    "the default points": (
        "{ activity(id: 1) { streams { timeSeconds } } }",
        1 + 20 + 50,
        "activity.streams",
    ),
    "fifty sparklines": (
        "{ activities(first: 50) { nodes { streams(maxPoints: 60) { timeSeconds } } } }",
        1 + 50 * (1 + 20 + 6),
        "activities.nodes.streams",
    ),
    "more points than are allowed": (
        "{ activity(id: 1) { streams(maxPoints: 5001) { timeSeconds } } }",
        22,
        "activity.streams",
    ),
    "no ids": ("{ nodes(ids: []) { id } }", 1, "nodes"),
    "more than is allowed": (
        "{ activities(first: 1001) { nodes { name } } }",
        2,
        "activities.nodes",
    ),
    "less than is allowed": ("{ activities(first: -1) { nodes { name } } }", 2, "activities.nodes"),
    "of an interface the dearest": (
        "{ node(id: 1) { ... on Job { athlete { id } } ...A } } fragment A on Athlete { jobs(last: 9) { nodes { id }}}",
        11,
        "node.jobs.nodes",
    ),
    "a question about the schema": (
        '{ __schema { directives { name } } __type(name: "A") { name } }',
        30,
        "__schema",
    ),
    "lists of the schema": (
        "{ __schema { queryType { name } types { fields { args { type { name } } } enumValues { name } } } }",
        10 + 10 + 40 + 160 + 40,
        "__schema",
    ),
    "twice the same": (
        "{ viewer { scopes } viewer { scopes } ...F } fragment F on Query { viewer { scopes } }",
        1,
        "viewer",
    ),
    "an alias is another": ("{ viewer { scopes } me: viewer { scopes } }", 2, "viewer"),
    "skipped": (
        "{ viewer @skip(if: true) { scopes } ... @include(if: false) { viewer { athlete { id } } } }",
        0,
        "",
    ),
    "a mutation": ("mutation { connectStrava { authorizationUrl } }", 11, "connectStrava"),
    "mutations": (
        "mutation { a: connectStrava { userErrors { code } } b: connectStrava { userErrors { code } } }",
        24,
        "a.userErrors",
    ),
    "a subscription": (
        "subscription { jobUpdated(id: 1) { status progress { done } } }",
        2,
        "jobUpdated.progress",
    ),
}


@pytest.mark.parametrize(("text", "expected", "path"), COSTS.values(), ids=COSTS)
async def test_costs(text, expected, path):
    cost, dearest = await cost_of(text)
    assert (cost, dearest if path else "") == (expected, path)


ACTIVITIES = "activities(first: %s) { nodes { name } }"


async def test_a_literal_and_a_variable_cost_the_same():
    literal = await cost_of("{ %s }" % (ACTIVITIES % 100))
    assert literal == (101, "activities.nodes")
    one = "query (%s) { " + ACTIVITIES % "$n" + " }"
    assert await cost_of(one % "$n: Int", n=100) == literal
    assert await cost_of(one % "$n: Int!", n=100) == literal
    assert await cost_of(one % "$n: Int = 100") == literal
    assert await cost_of(one % "$n: Int = 3", n=100) == literal
    assert await cost_of(one % "$n: Int", n=None) == (21, "activities.nodes")
    assert await cost_of(one % "$n: Int") == (21, "activities.nodes")
    assert (await cost_of("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["a", "b"]))[
        0
    ] == 2
    assert (await cost_of("query ($id: ID!) { nodes(ids: [$id, $id]) { id } }", id="a"))[0] == 2
    assert (await cost_of("query ($b: Boolean!) { viewer @include(if: $b) { scopes } }", b=False))[
        0
    ] == 0


async def test_each_value_has_its_own_cost(monkeypatch):
    """One operation, asked with several values: what is kept for one is not taken for another."""
    operation = await operation_of(
        "query ($n: Int, $ids: [ID!]!, $b: Boolean!) "
        "{ activities(first: $n) { nodes { name } } nodes(ids: $ids) { id } viewer @skip(if: $b) { scopes } }"
    )
    asked = list(product((3, None, 5), (["a"], ["a", "b"]), (True, False)))
    for is_known in (False, True):
        if is_known:
            monkeypatch.setattr(CostModel, "cost", lambda *_: pytest.fail("computed again"))
        for n, ids, b in asked:
            prepared = operation.prepare({"n": n, "ids": ids, "b": b})
            assert prepared.cost == 1 + (n or 20) + len(ids) + (not b)


@strawberry.input
class Page:
    size: int = 30


@strawberry.type
class Thing:
    name: str


@strawberry.type
class Holder:
    entries: list[Thing]
    others: list[Thing]


@strawberry.type
class Things:
    @strawberry.field
    def holder(self, size: int) -> Holder:
        return Holder([], [])

    @strawberry.field
    def inside(self, page: Page) -> list[Thing]:
        return []

    @strawberry.field
    def with_default(self, size: int = 40) -> list[Thing]:
        return []


SIZES = {
    "{ inside(page: {size: 7}) { name } }": 7,
    "query ($n: Int!) { inside(page: {size: $n}) { name } }": "n",
    "query ($page: Page!) { inside(page: $page) { name } }": "n",
    "query ($page: Page! = {size: 6}) { inside(page: $page) { name } }": "n",
    "{ inside(page: {}) { name } }": 30,
    "query ($empty: Page! = {}) { inside(page: $empty) { name } }": 30,
    "{ withDefault { name } }": 40,
    "{ withDefault(size: 4) { name } }": 4,
    "query ($absent: Int) { withDefault(size: $absent) { name } }": 40,
    "{ holder(size: 5) { entries { name } others { name } } }": 1 + 5 + 20,
}


@pytest.mark.parametrize(("text", "expected"), SIZES.items())
async def test_sizes_that_this_schema_does_not_declare_yet(text, expected):
    schema = Schema(Things)
    sizes = {
        ("Things", "inside"): sized(by=["page.size"]),
        ("Things", "withDefault"): sized(by=["size"]),
        ("Things", "holder"): sized(by=["size"], fields=["entries"]),
    }
    document = await DocumentStore(CostModel(schema.core, sizes, {}), LIMITS).read(text)
    operation = document.operation(None)
    for size in (8, 5, 8):
        prepared = operation.prepare({"n": size, "page": {"size": size}})
        assert prepared.cost == (size if expected == "n" else expected)


# --- what the file shows


def fields_of_objects():
    for of in file_schema().type_map.values():
        if is_object_type(of) and not of.name.startswith("__"):
            yield from ((of, name, field) for name, field in of.fields.items())


def test_every_list_of_objects_declares_its_size():
    evaluator = FromTheFile(file_schema(), "{ __typename }", {})
    declared, pages = set(), set()
    for of, name, field in fields_of_objects():
        size = evaluator.directive(field, "listSize")
        if size:
            declared.add((of.name, name))
            assert set(size.get("slicingArguments", [])) <= set(field.args)
            assert size.get("assumedSize", 0) > 0 or str(field.args["ids"].type).endswith("!")
            assert ("slicingArguments" in size) is (size.get("requireOneSlicingArgument") is False)
            returned = get_named_type(field.type)
            pages |= {(returned.name, each) for each in size.get("sizedFields", [])}
    lists = {
        (of.name, name)
        for of, name, field in fields_of_objects()
        if "[" in str(field.type) and is_composite_type(get_named_type(field.type))
    }
    assert len(lists) > 20
    assert lists - declared - pages == set()
    assert {
        name
        for of, name, _ in fields_of_objects()
        if of.name.endswith("Connection") and (of.name, name) in pages
    }


def test_arguments_that_size_a_page_are_declared():
    evaluator = FromTheFile(file_schema(), "{ __typename }", {})
    for _, _, field in fields_of_objects():
        asked = {"first", "last", "ids", "distances", "maxPoints", "days"} & set(field.args)
        assert asked == set(evaluator.directive(field, "listSize").get("slicingArguments", []))


def test_every_mutation_has_a_weight_and_so_have_streams():
    evaluator = FromTheFile(file_schema(), "{ __typename }", {})
    weights = {
        (of.name, name): evaluator.directive(field, "cost")
        for of, name, field in fields_of_objects()
    }
    mutations = {of for of in weights if of[0] == "Mutation"}
    assert len(mutations) >= 12
    assert {of: weight for of, weight in weights.items() if weight} == {
        **{of: {"weight": "10"} for of in mutations},
        ("Activity", "streams"): {"weight": "20"},
    }


# --- what is refused, and what it takes to tell


async def test_what_costs_too_much_is_refused_before_anything_runs(settings):
    async with serve(settings.model_copy(update={"cost_limit": 100})) as api:
        api.queries.clear()
        for query, variables in (
            (f"{{ {ACTIVITIES % 100} }}", {}),
            (f"query ($n: Int) {{ {ACTIVITIES % '$n'} }}", {"n": 100}),
        ):
            [error] = (await api.both(query, None, variables))["errors"]
            assert unlinked(error["extensions"]) == {
                "code": "COST_LIMIT_EXCEEDED", "cost": 101, "limit": 100, "path": ["activities", "nodes"],
                "coordinate": "ActivityConnection.nodes",
            }  # fmt: skip
            assert "costs 101. The maximum is 100" in error["message"]
            assert "`activities.nodes`" in error["message"]
        assert api.queries == []
        assert "errors" not in await api.answer("{ activities(first: 99) { nodes { name } } }")


async def test_a_kept_cost_takes_microseconds():
    operation = await operation_of(
        "query ($n: Int) { athletes(first: $n) { nodes { activities(first: $n) { nodes { id } } } } }"
    )
    variables = operation.prepare({"n": 5}).variables
    assert min(repeat(lambda: operation.cost(variables), number=1000, repeat=20)) < 20e-3
