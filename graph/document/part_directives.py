"""@defer and @stream in documents."""

from typing import Any

from graphql import REMOVE, DirectiveNode, DocumentNode, Visitor, visit

PARTS = frozenset({"defer", "stream"})
"""Names of the directives that put off a part of an answer."""
_STREAM = frozenset({"stream"})


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
