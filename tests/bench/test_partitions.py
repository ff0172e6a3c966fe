"""The queries of `bench.partitions` are of the schema."""

import pytest
from graphql import build_schema, parse, validate

from bench.partitions import queries_of_activities
from tests.kinds import ROOT

QUERIES = queries_of_activities("QTox", "QTox")


@pytest.fixture(scope="module")
def schema():
    return build_schema((ROOT / "schema.graphql").read_text())


@pytest.mark.parametrize("name", QUERIES)
def test_it_is_of_the_schema(schema, name):
    assert validate(schema, parse(f"{{ {QUERIES[name]} }}")) == []
