"""@defer and @stream in documents."""

from typing import Any

from graphql import REMOVE, DirectiveNode, DocumentNode, Visitor, visit

PARTS = frozenset({"defer", "stream"})
"""Names of the directives that put off a part of an answer."""


def without_parts(document: DocumentNode) -> DocumentNode:
    """Copy a document without @defer and @stream."""
    copy: DocumentNode = visit(document, _WithoutParts())
    return copy


class _WithoutParts(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        return REMOVE if node.name.value in PARTS else None
