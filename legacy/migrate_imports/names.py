"""What the names in one module refer to, through imports and aliases."""

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

Reference = cst.Name | cst.Attribute


class Names:
    """Full names, parents and lines of the nodes of `wrapper.module`."""

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
        """Iterate over all nodes, parents first."""
        yield from self._nodes

    def line(self, node: cst.CSTNode) -> int:
        return int(self._positions[node].start.line)

    def imported(self, node: cst.CSTNode) -> set[str]:
        """Find the imported full names (`core.config.settings`) of an expression.

        For a call these are the names of its function.
        """
        return {
            name.name for name in self._qualified(node) if name.source is QualifiedNameSource.IMPORT
        }

    def local(self, node: cst.CSTNode) -> set[str]:
        """Find the full names (`f.<locals>.x`) that this module gives to an expression."""
        return {
            name.name for name in self._qualified(node) if name.source is QualifiedNameSource.LOCAL
        }

    def _qualified(self, node: cst.CSTNode) -> set[QualifiedName]:
        found = self._meanings.get(node, set())
        return set(found() if callable(found) else found)

    def _is_reference(self, node: Reference) -> bool:
        """Whether a node is used as a value or target, not as part of an import or a keyword."""
        return not self._is_in_import(node) and (
            isinstance(node, cst.Attribute) or self._stands_for_itself(node)
        )

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
        """Whether `statement`, an import, binds the first part of `reference`."""
        root: cst.BaseExpression = reference
        while isinstance(root, cst.Attribute):
            root = root.value
        scope = self._scopes.get(root)
        if scope is None or not isinstance(root, cst.Name):
            return False
        return any(getattr(each, "node", None) is statement for each in scope[root.value])

    def meanings(self, name: str) -> set[str]:
        """Find the full names of everything called `name` in the module; "" for an unknown one."""
        found: set[str] = {""} if name in self._given else set()
        for node in self._by_value.get(name, ()):
            found |= {each.name for each in self._qualified(node)} or {self._imports(node)}
        return found

    def _imports(self, node: cst.Name) -> str:
        alias = self.parents[node]
        statement = self.parents[alias]
        if (
            not isinstance(alias, cst.ImportAlias)
            or not isinstance(statement, cst.ImportFrom)
            or alias.asname
        ):
            return ""
        module = get_full_name_for_node(statement.module) if statement.module else ""
        return f"{module}.{alias.evaluated_name}"

    def free(self, name: str, otherwise: str) -> str:
        """Reserve a name that the module does not use: `name`, or else `otherwise`."""
        while name in self._by_value or name in self._given:
            name, otherwise = otherwise, f"{otherwise}_"
        self._given.add(name)
        return name

    def strings(self) -> Iterator[tuple[cst.SimpleString, str]]:
        """Iterate over the plain strings, with their values."""
        for node in self._nodes:
            if isinstance(node, cst.SimpleString) and "b" not in node.prefix:
                yield node, re.sub(r"\\\n", "", node.raw_value)


def _all_nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)
