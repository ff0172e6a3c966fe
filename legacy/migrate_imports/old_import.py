"""The imports of the older service's names in one statement."""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.helpers import get_full_name_for_node

from legacy.old_names import OLD_MODULES

ImportStatement = cst.Import | cst.ImportFrom


@dataclass(frozen=True, slots=True)
class OldImport:
    """One name of an old `module`, bound to `bound`.

    `name` is None for the module itself and "*" for all its names. `alias` is None only for "*".
    """

    statement: ImportStatement
    alias: cst.ImportAlias | None
    module: str
    name: str | None
    bound: str


def old_imports(statement: ImportStatement) -> Iterator[OldImport]:
    """Find what a statement imports of the older service."""
    if isinstance(statement, cst.Import):
        for alias in statement.names:
            if alias.evaluated_name in OLD_MODULES:
                bound = alias.evaluated_alias or alias.evaluated_name.split(".")[0]
                yield OldImport(statement, alias, alias.evaluated_name, None, bound)
    elif not statement.relative and statement.module is not None:
        yield from _from(statement, get_full_name_for_node(statement.module) or "")


def _from(statement: cst.ImportFrom, module: str) -> Iterator[OldImport]:
    if isinstance(statement.names, cst.ImportStar):
        if module in OLD_MODULES:
            yield OldImport(statement, None, module, "*", "")
        return
    for alias in statement.names:
        name = alias.evaluated_name
        bound = alias.evaluated_alias or name
        if module in OLD_MODULES:
            yield OldImport(statement, alias, module, name, bound)
        elif f"{module}.{name}" in OLD_MODULES:
            yield OldImport(statement, alias, f"{module}.{name}", None, bound)
