"""Which operations may look at more rows than they return."""

import pytest
from graphql import FragmentDefinitionNode, GraphQLObjectType, get_operation_ast, parse

from graph.cost.search import SEARCHING_ARGUMENTS, SEARCHING_FIELDS
from graph.schema.build import build_core_schema, build_schema

CHOOSING = {
    "first", "last", "after", "before", "id", "ids", "distance", "distances", "input",
    "includeExcluded", "athleteId", "period", "from", "until", "since", "maxPoints",
    "unit", "precision", "on", "method", "days",
}  # fmt: skip
"""Arguments that name rows, or how many."""
TOTAL = "fragment of on ActivityConnection { totalCount }"


@pytest.mark.parametrize(
    ("query", "is_search"),
    [
        ("{ activities(first: 10) { nodes { id } } }", False),
        ('{ athlete(id: "1") { personalBests(distances: [KM5]) { id } } }', False),
        ("{ activities { totalCount } }", True),
        ("{ activities(filter: {}) { nodes { id } } }", True),
        ("{ leaderboard(distance: KM5, by: AGE_GRADE) { nodes { id } } }", True),
        ("{ activities { ...of } } fragment of on ActivityConnection { totalCount }", True),
        ("{ activities { ... on ActivityConnection { n: totalCount } } }", True),
        ('{ athlete(id: "1") { bestEfforts(distance: KM5) { nodes { rank } } } }', True),
        ("{ activities { totalCount @skip(if: false) } }", True),
        ("{ activities { totalCount @skip(if: true) nodes { id } } }", False),
        ("{ activities { ... @include(if: false) { totalCount } nodes { id } } }", False),
        ('{ node(id: "1") { ... on Athlete { trainingSummary { distanceM } } } }', True),
        ('{ activity(id: "1") { streams(maxPoints: 9, from: 1) { timeSeconds } } }', False),
        ("query q { activities { nodes { id } } } query b { activities { totalCount } }", False),
        (
            f"query q {{ activities {{ nodes {{ id }} }} }} query b {{ activities {{ ...of }} }} {TOTAL}",
            False,
        ),
        ('{ job(id: "1") { result { changedActivityIds } } }', True),
        ('{ job(id: "1") { result { activitiesCreated } } }', False),
        ('mutation { cancelJob(input: { id: "1" }) { userErrors { code } } }', True),
    ],
)
def test_totals_filters_orders_ranks_and_mutations_search(query, is_search):
    document = parse(query)
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    cost = build_schema().costs.cost(
        get_operation_ast(document, "q" if " q " in query else None), fragments, {}
    )
    assert cost.is_search is is_search


def test_every_argument_is_known_to_search_or_not():
    """A new one has to be put among either."""
    schema = build_core_schema()
    of_schema = {
        name
        for each in schema.type_map.values()
        if isinstance(each, GraphQLObjectType) and not each.name.startswith("__")
        for field in each.fields.values()
        for name in field.args
    }
    assert of_schema == SEARCHING_ARGUMENTS | CHOOSING
    assert all(
        any(name in each.fields for each in schema.type_map.values() if isinstance(each, GraphQLObjectType))
        for name in SEARCHING_FIELDS
    )  # fmt: skip
