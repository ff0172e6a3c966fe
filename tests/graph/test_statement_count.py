"""However many parents there are, each relation of theirs takes the same statements. Found by
walking the schema.
"""

import pytest
from graphql import get_named_type

from tests.conftest import settings_of
from tests.graph.api import serve
from tests.graph.populated import populate
from tests.graph.walk import (
    SCHEMA,
    call,
    is_connection,
    node_types,
    relations,
    selection,
    types_below,
)

pytestmark = pytest.mark.anyio

MANY = 50
WAYS = [
    pytest.param(True, id="plan"),
    pytest.param(False, id="graphql-core", marks=pytest.mark.whole),
]
NODES = "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {type} {{ {field} {{ {below} }} }} }} }}"
OF_NODES = [(type_, name) for type_ in node_types() for name, _ in relations(type_)]
ROOT_LISTS = [
    name
    for name, field in relations(SCHEMA.query_type)
    if is_connection(get_named_type(field.type))
]


@pytest.fixture(scope="module")
def population(connect_to, population_url):
    with connect_to(population_url) as connection:
        yield populate(connection, MANY)


@pytest.fixture(scope="module")
async def api(population_url, redis_server_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("counted")
    async with serve(settings_of(population_url, redis_server_url, home)) as api:
        yield api


@pytest.mark.parametrize("planned", WAYS)
@pytest.mark.parametrize(
    ("type_", "name"), OF_NODES, ids=[f"{type_.name}.{name}" for type_, name in OF_NODES]
)
async def test_a_relation_takes_as_many_statements_for_fifty_parents_as_for_one(
    api, population, planned, type_, name
):
    field = type_.fields[name]
    below = selection(get_named_type(field.type), 1)
    query = NODES.format(type=type_.name, field=call(name, field), below=below)
    ids, token = population.ids[type_.name], population.admin.token
    one = await api.statements(query, token, planned=planned, ids=ids[:1])
    many = await api.statements(query, token, planned=planned, ids=ids[:MANY])
    assert len(many) == len(one) <= (1 if planned else 40), "\n".join(many)


@pytest.mark.parametrize("planned", WAYS)
@pytest.mark.parametrize("name", ROOT_LISTS)
async def test_a_list_takes_as_many_statements_for_fifty_entries_as_for_one(
    api, population, planned, name
):
    field = SCHEMA.query_type.fields[name]

    def query(first: int) -> str:
        return f"{{ {call(name, field, first=str(first))} {{ {selection(get_named_type(field.type), 1)} }} }}"

    one = await api.statements(query(1), population.admin.token, planned=planned)
    many = await api.statements(query(MANY), population.admin.token, planned=planned)
    assert len(many) == len(one) > 0


async def test_the_callers_tokens_take_one_statement(api, population):
    query = "{ viewer { apiTokens { id name } } }"
    assert len(await api.statements(query, population.admin.token, planned=False)) == 1


async def test_a_deep_query_takes_a_statement_a_level(api, population):
    query = """{ athletes(first: 50) { nodes {
        activities(first: 5) { nodes { bestEfforts { activity { athlete { id } } } } }
        personalBests { activity { id } previous { id } }
    } } }"""
    # athletes, activities, efforts, their activities, their athletes, bests, their activities,
    # their previous ones
    assert len(await api.statements(query, population.admin.token, planned=False)) == 8
    assert len(await api.statements(query, population.admin.token, planned=True)) == 1


async def test_equal_fields_share_a_statement(api, population):
    query = (
        "{ a: athletes(first: 2) { nodes { id } } b: athletes(first: 2) { nodes { lastName } } }"
    )
    assert len(await api.statements(query, population.admin.token, planned=False)) == 1


def test_every_relation_is_counted():
    """Types that are no nodes hang on nodes or on roots, so the walk passes through their
    relations.
    """
    below_nodes = {name for type_ in node_types() for name in types_below(type_)}
    roots = {get_named_type(field.type).name for _, field in relations(SCHEMA.query_type)}
    with_relations = {
        name for name, type_ in types_below(SCHEMA.query_type).items() if any(relations(type_))
    }
    assert with_relations - below_nodes - roots - {"Query"} == {"AthleteEdge"}
