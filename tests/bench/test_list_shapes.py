"""The pages of `bench.list_growth` have every filter and every order of the schema's lists."""

from collections.abc import Iterator

from graphql import (
    EnumValueNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    validate,
    visit,
)

from bench.list_shapes import LISTS
from graph.schema.build import build_schema

SCHEMA = build_schema().core
PAGING = {"first", "after", "last", "before"}
ONE_OF_MANY = {"distance"}
"""Arguments that name one of many alike lists."""
QUERIES = [page.text for each in LISTS for group in each.groups() for page in group]


def is_list(kind: object) -> bool:
    return str(get_named_type(kind)).endswith("Connection")  # type: ignore[arg-type]


def values_of(name: str, kind: object) -> Iterator[str]:
    """The argument or member itself, its members, and its values where it is an order."""
    named = get_named_type(kind)  # type: ignore[arg-type]
    if isinstance(named, GraphQLInputObjectType):
        for member, definition in named.fields.items():
            yield from values_of(f"{name}.{member}", definition.type)
    elif isinstance(named, GraphQLEnumType) and name.endswith((".field", ".direction", ":by")):
        yield from (f"{name}.{value}" for value in named.values)
    else:
        yield name


def wanted() -> Iterator[str]:
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                if is_list(field.type):
                    yield f"{kind}.{name}"
                    for argument in field.args.keys() - PAGING - ONE_OF_MANY:
                        kind_of = field.args[argument].type
                        yield from values_of(f"{kind}.{name}:{argument}", kind_of)


class Found(Visitor):
    """Gathers what documents use, as `wanted` names it."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._info, self._path = info, [""]

    def enter_field(self, node, *_):
        if is_list(self._info.get_type()):
            self._path = [f"{self._info.get_parent_type()}.{node.name.value}"]
            self.names.add(self._path[0])

    def enter_argument(self, node, *_):
        self._path.append(f"{self._path[-1]}:{node.name.value}")
        self._add(node)

    def leave_argument(self, *_):
        self._path.pop()

    def enter_object_field(self, node, *_):
        self._path.append(f"{self._path[-1]}.{node.name.value}")
        self._add(node)

    def leave_object_field(self, *_):
        self._path.pop()

    def _add(self, node):
        name = self._path[-1]
        self.names.add(
            f"{name}.{node.value.value}" if isinstance(node.value, EnumValueNode) else name
        )
        self.names.add(name)


def test_each_filter_and_order_of_each_list_is_asked_for():
    info = TypeInfo(SCHEMA)
    found = Found(info)
    for each in dict.fromkeys(QUERIES):
        visit(parse(each), TypeInfoVisitor(info, found))
    assert sorted({*wanted()} - found.names) == []


def test_the_pages_fit_the_schema():
    one_of_each = [page.text for each in LISTS for group in [*each.groups()][:60] for page in group]
    assert not [each for each in one_of_each if validate(SCHEMA, parse(each))]


def test_filters_are_asked_for_in_pairs_and_each_with_each_order():
    assert any("gear" in each and "nameContains" in each and "MOVING" in each for each in QUERIES)
    assert len(QUERIES) == len({*QUERIES})
