"""The schema keeps the public contract: every name, argument, default and nullability that clients
rely on.
"""

import re
from pathlib import Path

import pytest
from graphql import (
    DefinitionNode,
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    GraphQLEnumType,
    GraphQLObjectType,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    Undefined,
    get_named_type,
    is_nullable_type,
    parse,
    print_ast,
)

from graph.schema.build import build_core_schema, print_schema

SCHEMA = build_core_schema()
CONTRACT = (Path(__file__).parent / "data" / "schema-contract.graphql").read_text()


def facts(definition: DefinitionNode) -> set[str]:
    """What a definition promises, a line a promise."""
    name = definition.name.value
    match definition:
        case DirectiveDefinitionNode(arguments=arguments):
            return {f"@{name}({argument(each)})" for each in arguments}
        case ScalarTypeDefinitionNode():
            return {f"scalar {name}"}
        case EnumTypeDefinitionNode(values=values):
            return {f"{name}.{value.name.value}" for value in values}
        case InputObjectTypeDefinitionNode(fields=fields):
            return {f"{name} {argument(each)}" for each in fields}
        case ObjectTypeDefinitionNode(fields=fields) | InterfaceTypeDefinitionNode(fields=fields):
            interfaces = {
                f"{name} implements {each.name.value}" for each in definition.interfaces or ()
            }
            return interfaces | {fact for each in fields for fact in field_facts(name, each)}
    raise AssertionError(definition)


def field_facts(type_name: str, field: FieldDefinitionNode) -> set[str]:
    path = f"{type_name}.{field.name.value}"
    return {f"{path}: {print_ast(field.type)}"} | {
        f"{path}({argument(each)})" for each in field.arguments or ()
    }


def argument(node: InputValueDefinitionNode) -> str:
    default = f" = {print_ast(node.default_value)}" if node.default_value else ""
    return f"{node.name.value}: {print_ast(node.type)}{default}"


def definitions(schema: str) -> list[DefinitionNode]:
    """The definitions that have names: all but the schema's own."""
    every = parse(schema).definitions
    return [each for each in every if not isinstance(each, SchemaDefinitionNode)]


def all_facts(schema: str) -> set[str]:
    return {fact for definition in definitions(schema) for fact in facts(definition)}


def test_every_promise_of_the_contract_is_kept() -> None:
    promised = all_facts(CONTRACT)
    assert len(promised) > 250
    assert sorted(promised - all_facts(print_schema())) == []


def test_a_new_argument_has_a_default_or_is_nullable() -> None:
    promised, kept = all_facts(CONTRACT), all_facts(print_schema())
    fields = {fact.split(":")[0] for fact in promised if "(" not in fact and "." in fact}
    added = [fact for fact in kept - promised if "(" in fact and fact.split("(")[0] in fields]
    assert [fact for fact in added if "!" in fact.rsplit(": ", 1)[1][-2:] and "=" not in fact] == []


def test_a_root_field_that_may_refuse_an_argument_blanks_itself_alone() -> None:
    fields = SCHEMA.query_type.fields
    blanking = {name for name, each in fields.items() if not is_nullable_type(each.type)}
    assert [name for name in blanking if fields[name].args] == []


def test_every_enum_that_fields_return_says_whether_it_may_grow() -> None:
    returned = {
        named.name
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for field in type_.fields.values()
        if isinstance(named := get_named_type(field.type), GraphQLEnumType)
    }
    said = {
        name: "No value will be added." in (type_.description or "")
        for name, type_ in SCHEMA.type_map.items()
        if re.search("No value will be added|Values may be added: if", type_.description or "")
    }
    assert said.keys() == returned
    assert {name for name, is_closed in said.items() if is_closed} == {
        "JobStatus",
        "MeasurementSystem",
        "Sex",
    }


def test_only_pages_have_relays_reserved_suffix() -> None:
    connections = [each for each in SCHEMA.type_map.values() if each.name.endswith("Connection")]
    assert len(connections) > 5
    for each in connections:
        assert {"edges", "nodes", "pageInfo", "totalCount"} == each.fields.keys(), each


def test_every_connection_pages_both_ways_and_blanks_itself_alone() -> None:
    for type_ in SCHEMA.type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            if str(field.type).rstrip("!").endswith("Connection"):
                assert {"first", "after", "last", "before"} <= field.args.keys(), (type_, name)
                assert is_nullable_type(field.type), (type_, name)


@pytest.mark.parametrize(
    "definition",
    definitions(print_schema()),
    ids=lambda each: each.name.value,
)
def test_everything_is_described(definition: DefinitionNode) -> None:
    undescribed = [] if definition.description else [definition.name.value]
    for field in getattr(definition, "fields", None) or ():
        undescribed += [] if field.description else [field.name.value]
        arguments = getattr(field, "arguments", None) or ()
        undescribed += [
            f"{field.name.value}({each.name.value})" for each in arguments if not each.description
        ]
    undescribed += [
        value.name.value
        for value in getattr(definition, "values", None) or ()
        if not value.description
    ]
    assert undescribed == []


def test_what_may_be_omitted_tells_what_is_taken_then():
    untold = {
        f"{type_.name}.{name}({argument}:)"
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        for argument, of in field.args.items()
        if of.default_value is Undefined
        and is_nullable_type(of.type)
        and argument not in {"after", "last", "before"}
        and "Default" not in (of.description or "")
    }
    assert untold == {"Mutation.connectStrava(input:)"}
