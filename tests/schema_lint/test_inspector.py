"""GraphQL Inspector finds the breaking changes that `make schema-check` finds, and no others."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from graphql import build_schema

from tests.clients.world import install_packages
from tests.schema_changes import SCHEMA, changes_between, last_release

pytestmark = pytest.mark.schema_lint

FOLDER = Path(__file__).parent
_KIND = re.compile(r"^(?:A required field|Argument|Enum value|Field) ")

BEFORE = """
    type Query { run(id: ID!, old: Int): Run runs(first: Int): [Run!]! kinds(of: Choice): [Kind] }
    interface Named { name: String! }
    type Run implements Named { name: String! size: Int kind: Kind }
    enum Kind { ROAD TRACK }
    input Choice { kind: Kind place: String }
    type Gone { id: ID! }
"""
AFTER = """
    type Query { run(id: ID!): Run runs(first: Int!): [Run]! kinds(of: Choice): [Kind] }
    interface Named { name: String! }
    type Run { name: String size: Float kind: Kind place: String }
    enum Kind { ROAD HILL }
    input Choice { kind: Kind! place: String age: Int! }
"""


def found_by_inspector(before: Path, after: Path) -> list[str]:
    install_packages(FOLDER)
    command = ["node", "breaking.mjs", str(before), str(after)]
    run = subprocess.run(
        command, cwd=FOLDER, check=True, capture_output=True, text=True, timeout=60
    )
    found: list[str] = json.loads(run.stdout)
    return found


def found_by_us(before: Path, after: Path) -> list[str]:
    """Coordinates of what `make schema-check` would refuse: `Query.run(old:)` is `Query.run.old`."""
    schemas = (build_schema(each.read_text()) for each in (before, after))
    told = changes_between(*schemas).breaking
    named = (_KIND.sub("", each).split()[0] for each in told)
    return sorted(re.sub(r"\((\w+):\)", r".\1", each) for each in named)


def test_inspector_finds_the_same_since_the_last_release() -> None:
    assert found_by_us(last_release(), SCHEMA) == found_by_inspector(last_release(), SCHEMA)


def test_inspector_finds_the_same_of_each_kind(tmp_path: Path) -> None:
    before, after = tmp_path / "before.graphql", tmp_path / "after.graphql"
    before.write_text(BEFORE)
    after.write_text(AFTER)
    found = found_by_inspector(before, after)
    assert len(found) > 8
    assert found_by_us(before, after) == found
