"""What names mean in one module: which of them are the older service's, by whatever import or alias."""

import re
from collections.abc import Iterator

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedName,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)

__all__ = ["Names", "Reference"]

Reference = cst.Name | cst.Attribute


class Names:
    """Meanings, parents and lines of the nodes of `wrapper.module`."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        self.module = wrapper.module
        self.parents = wrapper.resolve(ParentNodeProvider)
        self._scopes = wrapper.resolve(ScopeProvider)
        self._meanings = wrapper.resolve(QualifiedNameProvider)
        self._positions = wrapper.resolve(PositionProvider)
        self._nodes = list(_all_nodes(self.module))
        self._by_value: dict[str, list[cst.Name]] = {}
        self.references: list[Reference] = []
        for node in self._nodes:
            if isinstance(node, cst.Name) and self._stands_for_itself(node):
                self._by_value.setdefault(node.value, []).append(node)
            if isinstance(node, cst.Name | cst.Attribute) and self._is_reference(node):
                self.references.append(node)
        self._given: set[str] = set()

    def nodes(self) -> Iterator[cst.CSTNode]:
        """Give all nodes, parents first."""
        yield from self._nodes

    def line(self, node: cst.CSTNode) -> int:
        return int(self._positions[node].start.line)

    def imported(self, node: cst.CSTNode) -> set[str]:
        """Give the full names (`core.config.settings`) that an expression has by import; of a call, its function's."""
        return {name.name for name in self._qualified(node) if name.source is QualifiedNameSource.IMPORT}

    def local(self, node: cst.CSTNode) -> set[str]:
        """Give the full names (`f.<locals>.x`) that an expression has in this module."""
        return {name.name for name in self._qualified(node) if name.source is QualifiedNameSource.LOCAL}

    def _qualified(self, node: cst.CSTNode) -> set[QualifiedName]:
        found = self._meanings.get(node, set())
        return set(found() if callable(found) else found)

    def _is_reference(self, node: Reference) -> bool:
        """Whether it is read or bound as a whole: neither in an import nor the name of an attribute or keyword."""
        return not self._is_in_import(node) and (isinstance(node, cst.Attribute) or self._stands_for_itself(node))

    def _is_in_import(self, node: cst.CSTNode) -> bool:
        parent: cst.CSTNode | None = node
        while isinstance(parent, cst.Name | cst.Attribute | cst.AsName | cst.ImportAlias):
            parent = self.parents.get(parent)
        return isinstance(parent, cst.Import | cst.ImportFrom)

    def _stands_for_itself(self, name: cst.Name) -> bool:
        parent = self.parents.get(name)
        is_attribute = isinstance(parent, cst.Attribute) and parent.attr is name
        return not (is_attribute or (isinstance(parent, cst.Arg) and parent.keyword is name))

    def is_bound_by(self, reference: Reference, statement: cst.CSTNode) -> bool:
        """Whether the first part of `reference` has its meaning from an import statement."""
        root: cst.BaseExpression = reference
        while isinstance(root, cst.Attribute):
            root = root.value
        scope = self._scopes.get(root)
        if scope is None or not isinstance(root, cst.Name):
            return False
        return any(getattr(each, "node", None) is statement for each in scope[root.value])

    def meanings(self, name: str) -> set[str]:
        """Give the full names of all that is called `name` somewhere in the module; "" for what is not known."""
        found: set[str] = {""} if name in self._given else set()
        for node in self._by_value.get(name, ()):
            found |= {each.name for each in self._qualified(node)} or {self._imports(node)}
        return found

    def _imports(self, node: cst.Name) -> str:
        alias = self.parents[node]
        statement = self.parents[alias]
        if not isinstance(alias, cst.ImportAlias) or not isinstance(statement, cst.ImportFrom) or alias.asname:
            return ""
        return f"{get_full_name_for_node(statement.module) if statement.module else ''}.{alias.evaluated_name}"

    def free(self, name: str, otherwise: str) -> str:
        """Give a name that the module uses nowhere: `name`, else `otherwise`; it is taken from then on."""
        while name in self._by_value or name in self._given:
            name, otherwise = otherwise, f"{otherwise}_"
        self._given.add(name)
        return name

    def strings(self) -> Iterator[tuple[cst.SimpleString, str]]:
        """Give the plain strings, with their values."""
        for node in self._nodes:
            if isinstance(node, cst.SimpleString) and "b" not in node.prefix:
                yield node, re.sub(r"\\\n", "", node.raw_value)


def _all_nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)
