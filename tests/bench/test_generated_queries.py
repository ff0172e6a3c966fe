"""Queries of `bench.generated_work` follow from their seed and fit the schema."""

from itertools import islice

from graphql import parse, validate

from bench.generated_queries import GeneratedQueries
from graph.schema.build import build_schema
from tests.bench.test_work_shapes import FACTS

SCHEMA = build_schema().core
DRAWN = 100


def drawn(seed: int) -> list[str]:
    return list(islice(iter(GeneratedQueries(SCHEMA, FACTS, seed)), DRAWN))


def test_queries_follow_from_their_seed():
    assert drawn(1) == drawn(1) != drawn(2)


def test_queries_fit_the_schema_and_use_most_of_it():
    queries = drawn(3)
    assert [each for each in queries if validate(SCHEMA, parse(each))] == []
    used = " ".join(queries)
    missing = {each for each in SCHEMA.query_type.fields if f"{each}" not in used}
    assert missing == set()
    for name in ("filter: {", "orderBy: {", "totalCount", "trainingSummary(", "streams("):
        assert name in used, name
