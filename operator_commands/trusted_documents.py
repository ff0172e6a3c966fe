"""`pacegraph trusted-documents check`: whether each document of a manifest would run, and what it would cost."""

import asyncio
from pathlib import Path

from graphql import OperationDefinitionNode, value_from_ast_untyped
from graphql.execution.values import VariableValues

from graph.documents import Document, Documents
from graph.schema import build_schema
from graph.shape import DocumentLimits
from logs import tell
from settings import Settings
from web.persisted_documents import limits
from web.trusted_documents import read_manifest

__all__ = ["check_manifest"]


class _Unfit(Exception):  # noqa: N818 - the name says what is the case
    """A document would be refused. The message says why."""


def check_manifest(path: Path, settings: Settings) -> int:
    """Print a line for each operation; 1, and the first error, if one would be refused. Raises InvalidSettings.

    The cost is that with the default values of the variables; a size without one counts as a page's.
    """
    for identifier, text in read_manifest(path, limits(settings)).texts.items():
        try:
            for name, cost in asyncio.run(_costs(text, settings)):
                print(f"{cost:>7}  {name}  {identifier}")
        except _Unfit as error:
            tell(f"{path}: the document {identifier!r}: {error}")
            return 1
    return 0


async def _costs(text: str, settings: Settings) -> list[tuple[str, int]]:
    """Tell the costs of a document's operations. Raises _Unfit."""
    documents = Documents(build_schema(), DocumentLimits.of(settings))
    try:
        document = await documents.read(text)
    finally:
        documents.close()
    if errors := document.errors:
        raise _Unfit(errors[0].message)
    assert document.ast is not None
    nodes = [node for node in document.ast.definitions if isinstance(node, OperationDefinitionNode)]
    if not nodes:
        raise _Unfit("It has no operation.")
    return [_cost(document, node, settings.cost_limit) for node in nodes]


def _cost(document: Document, node: OperationDefinitionNode, limit: int) -> tuple[str, int]:
    name = node.name.value if node.name else None
    operation = document.operation(name)
    assert operation is not None
    defaults = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in node.variable_definitions or ()
        if each.default_value is not None
    }
    cost, path = operation.cost(build_schema(), VariableValues({}, defaults))
    if cost > limit:
        raise _Unfit(f"It costs {cost}, and one may cost {limit} (COST_LIMIT). The most of it is at {'.'.join(path)}.")
    return f"{node.operation.value} {name or '(without a name)'}", cost
