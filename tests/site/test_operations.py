"""Each operation in the documents fits the schema that is shipped."""

import re

import pytest
from graphql import build_schema, parse, validate

from tests.snippets import ROOT

SCHEMA = build_schema((ROOT / "schema.graphql").read_text())
BLOCK = re.compile(r"```graphql\n((?:(?!```).*\n)+)```$", re.MULTILINE)
OPERATIONS = [
    pytest.param(
        block[1], id=f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, block.start()) + 1}"
    )
    for path in sorted((ROOT / "docs").rglob("*.md"))
    for text in [path.read_text()]
    for block in BLOCK.finditer(text)
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_is_valid(operation):
    assert validate(SCHEMA, parse(operation)) == []


def test_the_guides_have_an_operation_for_each_task():
    assert len(OPERATIONS) > 30
