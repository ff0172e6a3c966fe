"""The reference: pages of Markdown from the schema, with the cost of each field."""

from collections.abc import Iterable, Mapping

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLType,
    Undefined,
    ast_from_value,
    build_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
    print_ast,
)
from graphql.type import GraphQLList
from graphql.utilities import value_from_ast_untyped

_INTRO = """# Reference

Made from `schema.graphql` when the site is built. [The schema itself](../schema.graphql) is a file to copy.

[Queries](queries.md) · [mutations](mutations.md) · [subscriptions](subscriptions.md) · [objects](objects.md) ·
[inputs](inputs.md) · [enums](enums.md) · [scalars](scalars.md) · [errors](../errors.md)

## Cost

Each field has its cost in points. A scalar costs nothing and an object 1; a list costs as much as its entries, whose number the
named arguments set. Costs multiply along nested lists: 20 runs with 16 best efforts each are 20 and 320. One operation may cost
5,000 ([limits](../guides/limits.md)); what is not used is refunded.
"""
_KINDS = (
    ("objects", "Objects", (GraphQLObjectType, GraphQLInterfaceType)),
    ("inputs", "Inputs", (GraphQLInputObjectType,)),
    ("enums", "Enums", (GraphQLEnumType,)),
    ("scalars", "Scalars", (GraphQLScalarType,)),
)


def pages(sdl: str) -> dict[str, str]:
    """Make all pages of the reference, by their places in the site."""
    schema = build_schema(sdl)
    roots = {
        "queries": schema.query_type,
        "mutations": schema.mutation_type,
        "subscriptions": schema.subscription_type,
    }
    made = {"reference/README.md": _INTRO}
    for name, root in roots.items():
        if root is not None:
            made[f"reference/{name}.md"] = f"# {name.capitalize()}\n" + _sections(root.fields)
    for name, title, kinds in _KINDS:
        types = [each for each in _types(schema, roots.values()) if isinstance(each, kinds)]
        made[f"reference/{name}.md"] = f"# {title}\n" + "".join(map(_of_type, types))
    return made


def _types(schema: GraphQLSchema, but: Iterable[GraphQLNamedType | None]) -> list[GraphQLNamedType]:
    left_out = {each.name for each in but if each}
    return sorted(
        (
            each
            for each in schema.type_map.values()
            if not each.name.startswith("__") and each.name not in left_out
        ),
        key=lambda each: each.name,
    )


def _sections(fields: Mapping[str, GraphQLField]) -> str:
    """A section for each field of a root."""
    return "".join(
        f"\n## {name}\n\n{_text(field.description)}{_deprecated(field)}\n\n"
        f"Returns {_linked(field.type)}. Cost: {cost(field)}.\n{_arguments(field.args)}"
        for name, field in sorted(fields.items())
    )


def _arguments(arguments: Mapping[str, GraphQLArgument]) -> str:
    if not arguments:
        return ""
    return "\n| argument | type | what |\n|---|---|---|\n" + _inputs(arguments)


def _inputs(fields: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]) -> str:
    return "".join(
        f"| `{name}` | {_linked(field.type)}{_default(field)} | {_text(field.description)}{_deprecated(field)} |\n"
        for name, field in fields.items()
    )


def _default(field: GraphQLArgument | GraphQLInputField) -> str:
    node = (
        None
        if field.default_value is Undefined
        else ast_from_value(field.default_value, field.type)
    )
    return f" = `{print_ast(node)}`" if node else ""


def _of_type(of: GraphQLNamedType) -> str:
    head = f"\n## {of.name}\n\n{_text(of.description)}\n"
    if isinstance(of, GraphQLObjectType | GraphQLInterfaceType):
        rows = "".join(
            f"| `{name}`{_parameters(field)} | {_linked(field.type)} | {cost(field)} "
            f"| {_text(field.description)}{_deprecated(field)} |\n"
            for name, field in of.fields.items()
        )
        return f"{head}\n| field | type | cost | what |\n|---|---|---|---|\n{rows}"
    if isinstance(of, GraphQLInputObjectType):
        return f"{head}\n| field | type | what |\n|---|---|---|\n{_inputs(of.fields)}"
    if isinstance(of, GraphQLEnumType):
        rows = "".join(
            f"| `{name}` | {_text(value.description)} |\n" for name, value in of.values.items()
        )
        return f"{head}\n| value | what |\n|---|---|\n{rows}"
    url = getattr(of, "specified_by_url", None)
    return f"{head}\nSpecified by <{url}>.\n" if url else head


def _parameters(field: GraphQLField) -> str:
    shown = [
        f"`{name}: {argument.type}`{_default(argument)}" for name, argument in field.args.items()
    ]
    return f"<br>({', '.join(shown)})" if shown else ""


def cost(field: GraphQLField) -> str:
    """Say what selecting a field costs, without what is selected below it."""
    weight = int(_directive(field, "cost").get("weight", 0))
    of = get_named_type(field.type)
    if not isinstance(of, GraphQLObjectType | GraphQLInterfaceType):
        return str(weight)
    size = _directive(field, "listSize")
    entries = [f"`{each}`" for each in size.get("slicingArguments", ())]
    assumed = size.get("assumedSize", 1 if entries else 20)
    many = f"{' or '.join(entries)}, else {assumed}" if entries else str(assumed)
    if per_point := size.get("entriesPerPoint"):
        many = f"1 for each {per_point} of {many}"
    if size.get("sizedFields"):
        return f"{1 + weight}, and each entry: {many}"
    if _is_list(field.type):
        return f"{weight} + each entry: {many}" if weight else f"each entry: {many}"
    if size:
        return f"{weight} + {many}"
    return str(1 + weight)


def _directive(field: GraphQLField, name: str) -> dict[str, object] | dict[str, int]:
    for each in (field.ast_node.directives if field.ast_node else None) or ():
        if each.name.value == name:
            return {
                argument.name.value: value_from_ast_untyped(argument.value)
                for argument in each.arguments or ()
            }
    return {}


def _is_list(of: GraphQLType) -> bool:
    return is_list_type(of.of_type if is_non_null_type(of) else of)


def _linked(of: GraphQLType) -> str:
    """Write a type with a link to its section; brackets are not part of the link."""
    if is_non_null_type(of):
        return f"{_linked(of.of_type)}!"
    if isinstance(of, GraphQLList):
        return f"&#91;{_linked(of.of_type)}&#93;"
    name = of.name
    if is_specified_scalar_type(of):
        return f"`{name}`"
    page = next(page for page, _, kinds in _KINDS if isinstance(of, kinds))
    return f"[{name}]({page}.md#{name.lower()})"


def _text(description: str | None) -> str:
    return " ".join((description or "").split()).replace("|", "\\|")


def _deprecated(field: GraphQLField | GraphQLArgument | GraphQLInputField) -> str:
    return f" **Deprecated**: {_text(field.deprecation_reason)}" if field.deprecation_reason else ""
