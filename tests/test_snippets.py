"""Documents show the code that runs, and all of it."""

import re

import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type

from tests.snippets import ROOT, NoRegion, named, pasted, region

PAGES = sorted((ROOT / "docs").rglob("*.md"))
KIT = ROOT / "tests" / "clients" / "kit"
HOUDINI = ROOT / "tests" / "clients" / "houdini" / "src"
SCHEMA = build_schema((ROOT / "schema.graphql").read_text())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_snippets_are_the_code_that_runs(path):
    assert pasted(path.read_text()) == path.read_text(), "write them anew: make snippets"


def test_each_region_is_shown():
    shown = set().union(*(named(path.read_text()) for path in PAGES))
    written = {
        (file.relative_to(ROOT).as_posix(), name)
        for folder in (KIT, KIT / "relay", KIT / "isograph", HOUDINI)
        for file in folder.glob("*.ts*")
        for name in re.findall(r"^// #region ([\w-]+)$", file.read_text(), re.MULTILINE)
    }
    assert written
    assert written - shown == set()


def test_a_changed_snippet_is_found():
    page = "<!-- tests/clients/kit/socket.ts#socket -->\n```ts\nold\n```\n"
    assert "createClient" in pasted(page)
    assert "#region" not in pasted(page)


def test_a_region_that_is_not_there_is_an_error():
    with pytest.raises(NoRegion):
        region("tests/clients/kit/socket.ts", "other")


def listed(file: str, start: str) -> set[str]:
    """Names in the first list after `start`."""
    text = (KIT / file).read_text().split(start, 1)[1].split("]", 1)[0]
    return set(re.findall(r"'(\w+)'", text))


def test_urql_is_told_each_type_without_an_id():
    roots = {SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type}
    without_id = {
        name
        for name, of in SCHEMA.type_map.items()
        if isinstance(of, GraphQLObjectType) and "id" not in of.fields and of not in roots
        # Graphcache asks for no keys of edges and payloads
        if not name.startswith("__") and not name.endswith(("Edge", "Payload", "UserError"))
    }
    assert listed("urql.ts", "const EMBEDDED = [") == without_id


PAGING = {"first", "after", "last", "before"}


def connections() -> dict[tuple[str, str], set[str]]:
    """Get the arguments that make another list, of each field that is a connection."""
    return {
        (name, field): set(of.args) - PAGING
        for name, type_ in SCHEMA.type_map.items()
        if isinstance(type_, GraphQLObjectType)
        for field, of in type_.fields.items()
        if get_named_type(of.type).name.endswith("Connection")
    }


def told_to_apollo() -> dict[tuple[str, str], set[str]]:
    """Get the arguments of each `field: pages(…)` below the type whose name stands before."""
    found, type_ = {}, ""
    policies = (KIT / "apollo.ts").read_text().split("typePolicies: {", 1)[1].split("\n});", 1)[0]
    for name, field, arguments in re.findall(r"([A-Z]\w+): {|(\w+): pages\(([^)]*)\)", policies):
        if name:
            type_ = name
        else:
            found[type_, field] = set(re.findall(r"'(\w+)'", arguments))
    return found


def test_apollo_is_told_each_list_that_is_paged():
    assert told_to_apollo() == connections()


def test_apollo_is_told_each_value_that_is_merged():
    """Objects without an id that stand alone: in lists and pages they are replaced together."""
    values = {
        of.type.name if isinstance(of.type, GraphQLObjectType) else of.type.of_type.name
        for name, type_ in SCHEMA.type_map.items()
        if isinstance(type_, GraphQLObjectType) and type_ is not SCHEMA.mutation_type
        for of in type_.fields.values()
        if isinstance(getattr(of.type, "of_type", of.type), GraphQLObjectType)
        and "id" not in get_named_type(of.type).fields
        and not get_named_type(of.type).name.startswith("__")
        and not get_named_type(of.type).name.endswith(("Connection", "PageInfo", "Changes"))
    }
    assert listed("apollo.ts", "const VALUES = [") == values - entries()


def entries() -> set[str]:
    """Get the types of the nodes of edges."""
    return {
        get_named_type(type_.fields["node"].type).name
        for name, type_ in SCHEMA.type_map.items()
        if name.endswith("Edge")
    }


def test_apollo_is_told_what_a_node_may_be():
    node = SCHEMA.type_map["Node"]
    assert listed("apollo.ts", "Node: [") == {each.name for each in SCHEMA.get_possible_types(node)}
