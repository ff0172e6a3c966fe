"""The schema that is shipped is the one the code makes."""

from pathlib import Path

from graph.schema.build import print_schema

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"


def test_the_file_is_what_the_code_makes():
    assert SCHEMA_FILE.read_text() == print_schema(), "write it again: make schema"
