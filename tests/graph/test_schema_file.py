"""The schema that is shipped is the one the code makes."""

from pathlib import Path

from graphql import build_schema as read_schema

from graph.schema.build import build_core_schema, print_schema

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"


def test_the_file_is_what_the_code_makes():
    assert SCHEMA_FILE.read_text() == print_schema(), "write it again: make schema"


def test_the_schema_is_described_in_the_file_as_introspection_tells_it():
    described = read_schema(SCHEMA_FILE.read_text()).description
    assert described == build_core_schema().description
    assert "Distances are in meters" in described
