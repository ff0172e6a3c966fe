"""@defer and @stream in documents, and the conditions of @skip and @include."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    Node,
    NullValueNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.pyutils import Undefined

from graph.errors import CallerError

PARTS = frozenset({"defer", "stream"})
"""Names of the directives that put off a part of an answer."""
_STREAM = frozenset({"stream"})
_CHECKED = PARTS | {"skip", "include"}


def directives_in(
    node: Node, fragments: Mapping[str, FragmentDefinitionNode]
) -> list[DirectiveNode]:
    """List the directives whose arguments `misused` checks, with those of fragments spread."""
    uses, done = _Uses(), set[str]()
    visit(node, uses)
    while left := uses.spread - done:
        for name in left:
            visit(fragments[name], uses)
        done |= left
    return uses.found


def argument(
    directive: DirectiveNode, name: str, default: Any, variables: Mapping[str, Any]
) -> Any:
    """Get an argument's value; None is null."""
    for each in directive.arguments or ():
        if each.name.value != name:
            continue
        value: Any = each.value
        if isinstance(value, VariableNode):
            given = variables.get(value.name.value, Undefined)
            return default if given is Undefined else given
        if isinstance(value, NullValueNode):
            return None
        return int(value.value) if isinstance(value, IntValueNode) else value.value
    return default


def is_on(directive: DirectiveNode, variables: Mapping[str, Any]) -> bool:
    """Tell whether a directive's `if` says to put off."""
    return bool(argument(directive, "if", True, variables))


def initial_count(directive: DirectiveNode, variables: Mapping[str, Any]) -> int:
    """Get how many entries of a list are sent at once."""
    count: int = argument(directive, "initialCount", 0, variables)
    return count


def misused(
    directives: Sequence[DirectiveNode], variables: Mapping[str, Any]
) -> list[GraphQLError]:
    """List what is wrong with the arguments of directives, each error with its code.

    Validation does not see the values of variables: it takes any number, and null for a variable
    that has a default.
    """
    found = []
    for each in directives:
        name = each.name.value
        if argument(each, "if", True, variables) is None:
            remedy = "Omit it, or pass a boolean." if name in PARTS else "Pass a boolean."
            found.append(_refused(each, "if", f"`if` of @{name} is null. {remedy}"))
        elif name in _STREAM and is_on(each, variables):
            count = argument(each, "initialCount", 0, variables)
            if count is None or count < 0:
                found.append(
                    _refused(each, "initialCount", "`initialCount` of @stream must be 0 or more.")
                )
    return found


def _refused(directive: DirectiveNode, field: str, message: str) -> GraphQLError:
    coordinate = f"@{directive.name.value}({field}:)"
    extensions = {"code": CallerError.code, "field": field, "coordinate": coordinate}
    return GraphQLError(message, [directive], extensions=extensions)


class _Uses(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[DirectiveNode] = []
        self.spread: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in _CHECKED:
            self.found.append(node)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.spread.add(node.name.value)


def without_streams(document: DocumentNode) -> DocumentNode:
    """Copy a document without @stream."""
    return without_parts(document, _STREAM)


def without_parts(document: DocumentNode, names: frozenset[str] = PARTS) -> DocumentNode:
    """Copy a document without @defer and @stream, or without one of them."""
    copy: DocumentNode = visit(document, _Without(names))
    return copy


class _Without(Visitor):
    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        return REMOVE if node.name.value in self._names else None
