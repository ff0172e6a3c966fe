"""graphql-eslint over schema.graphql; the rules are in `eslint.config.js`."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.world import install_packages

pytestmark = pytest.mark.schema_lint

FOLDER = Path(__file__).parent
SCHEMA = FOLDER.parents[1] / "schema.graphql"

CHANGED = {
    "relay-page-info": ("  hasNextPage: Boolean!", "  hasNextPage: Boolean"),
    "is nullable": ("  viewer: Viewer\n", "  viewer: Viewer!\n"),
    "returns a payload": ("  ): GearPayload!", "  ): Gear"),
    "names what to use instead": (" Goes after ", " Goes "),
}
ADDED = {
    "description-style": '"Not a block."\nscalar Inline',
    "naming-convention": '"""A type."""\ntype in_lower_case {\n  """Id."""\n  id: ID!\n}',
    "no-hashtag-description": '# A type.\ntype Commented {\n  """Id."""\n  id: ID!\n}',
    "no-unreachable-types": '"""Unreachable."""\nscalar Unused',
    "require-deprecation-reason": 'extend type Gear {\n  """Old."""\n  old: Int @deprecated(reason: "")\n}',
    "require-description": "extend type Gear {\n  size: Int\n}",
    "strict-id-in-types": '"""A type."""\ntype WithoutId {\n  """Size."""\n  size: Int\n}',
    "unique-enum-value-names": '"""An enum."""\nenum Cases {\n  """One."""\n  ONE\n  """Another."""\n  One\n}',
    "relay-arguments": 'extend type Gear {\n  """Runs."""\n  runs: ActivityConnection!\n}',
    "relay-connection-types": '"""A type."""\ntype BadConnection {\n  """Id."""\n  id: ID!\n}',
    "relay-edge-types": 'extend type LapEdge {\n  """Other."""\n  other: Int\n}\n'
    '"""A page."""\ntype OtherConnection {\n  """Entries."""\n  edges: [Gear!]!\n'
    '  """Cursors."""\n  pageInfo: PageInfo!\n}',
    "input-name": 'extend type Mutation {\n  """Act."""\n  act(\n    """What."""\n    what: Int\n  ): JobPayload!\n}',
    "no-scalar-result-type-on-mutation": 'extend type Mutation {\n  """Ping."""\n  ping: Int\n}',
    "require-nullable-fields-with-oneof": '"""One of two."""\ninput Choice @oneOf {\n'
    '  """One."""\n  one: Int!\n  """Two."""\n  two: Int\n}',
    "has `userErrors`": '"""A payload."""\ntype EmptyPayload {\n  """Id."""\n  id: ID!\n}',
}
"""A fault each, by the rule or the words that tell of it."""


def complaints(schema: Path) -> list[str]:
    """Lint a schema; gives where, what and which rule for each fault."""
    install_packages(FOLDER)
    eslint = ["npx", "--no-install", "eslint", "--format", "json"]
    run = subprocess.run(
        [*eslint, "--stdin", "--stdin-filename", "schema.graphql"],
        cwd=FOLDER,
        env=os.environ | {"SCHEMA": str(schema)},
        input=schema.read_text(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode in {0, 1}, run.stderr
    found: list[dict[str, Any]] = json.loads(run.stdout)[0]["messages"]
    return [f"{each['line']}: {each['message']} ({each['ruleId']})" for each in found]


def test_the_schema_holds_to_the_rules() -> None:
    assert complaints(SCHEMA) == []


def test_each_rule_finds_its_fault(tmp_path: Path) -> None:
    text = SCHEMA.read_text()
    for old, new in CHANGED.values():
        assert old in text
        text = text.replace(old, new, 1)
    faulty = tmp_path / "schema.graphql"
    faulty.write_text("\n\n".join([text, *ADDED.values()]) + "\n")
    found = complaints(faulty)
    missed = {rule for rule in CHANGED | ADDED if not any(rule in each for each in found)}
    assert missed == set(), "\n".join(found)
