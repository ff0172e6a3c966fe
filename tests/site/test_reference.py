"""The reference names every type and field of the schema, with the cost that the server takes."""

import re

import pytest
from graphql import build_schema

from tests.site.reference import cost, pages
from tests.snippets import ROOT

SDL = (ROOT / "schema.graphql").read_text()
SCHEMA = build_schema(SDL)
PAGES = pages(SDL)


def test_each_type_and_field_is_there():
    text = "".join(PAGES.values())
    for name, of in SCHEMA.type_map.items():
        if name.startswith("__") or of.ast_node is None:
            continue
        if name not in {"Query", "Mutation", "Subscription"}:
            assert f"\n## {name}\n" in text, name
        for field in getattr(of, "fields", {}):
            assert f"`{field}`" in text or f"\n## {field}\n" in text, f"{name}.{field}"


def test_links_lead_to_sections():
    for place, text in PAGES.items():
        for page, anchor in re.findall(r"\]\((\w+\.md)#([\w-]+)\)", text):
            assert re.search(
                rf"^## {anchor}$", PAGES[f"reference/{page}"], re.MULTILINE | re.IGNORECASE
            ), place


@pytest.mark.parametrize(
    ("coordinate", "expected"),
    [
        ("Activity.name", "0"),
        ("Activity.athlete", "1"),
        ("Activity.bestEfforts", "each entry: 16"),
        ("Activity.streams", "20 + 1 for each 10 of `maxPoints`, else 500"),
        ("Athlete.activities", "1, and each entry: `first` or `last`, else 20"),
        ("Athlete.personalBests", "each entry: `distances`, else 16"),
        ("Mutation.syncStrava", "11"),
        ("Query.nodes", "each entry: `ids`, else 1"),
    ],
)
def test_costs(coordinate, expected):
    of, field = coordinate.split(".")
    assert cost(SCHEMA.type_map[of].fields[field]) == expected
