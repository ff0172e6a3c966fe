"""`pacegraph trusted-documents check`: would each document of a manifest run, and at what cost?"""

import asyncio
from pathlib import Path

from graphql import OperationDefinitionNode, value_from_ast_untyped
from graphql.execution.values import VariableValues

from graph.document.limits import DocumentLimits
from graph.document.operation import Document
from graph.document.store import DocumentStore
from graph.schema.build import build_schema
from logs import tell
from settings import InvalidSettings, Settings
from web.documents.persisted_documents import document_check
from web.documents.trusted_documents import ManifestUnusable, read_manifest


class _Unfit(Exception):
    """A document would be refused. The message says why."""


def check_manifest(path: Path, settings: Settings) -> int:
    """Print a line for each operation, until one would be refused: then tells why, and returns 1.

    Costs are computed with the default values of the variables; a page size without one counts as
    the default page size. Raises InvalidSettings that names the argument.
    """
    try:
        manifest = read_manifest(path, document_check(settings))
    except ManifestUnusable as error:
        raise InvalidSettings(f"MANIFEST: {error}") from None
    for identifier, text in manifest.texts.items():
        try:
            for name, cost in asyncio.run(_costs(text, settings)):
                print(f"{cost:>7}  {name}  {identifier}")
        except _Unfit as error:
            tell(f"{path}: the document {identifier!r}: {error}")
            return 1
    return 0


async def _costs(text: str, settings: Settings) -> list[tuple[str, int]]:
    """Compute the costs of a document's operations. Raises _Unfit."""
    documents = DocumentStore(build_schema().costs, DocumentLimits.from_settings(settings))
    try:
        document = await documents.read(text)
    finally:
        documents.close()
    if errors := document.errors:
        raise _Unfit(errors[0].message)
    assert document.ast is not None
    nodes = [node for node in document.ast.definitions if isinstance(node, OperationDefinitionNode)]
    return [_cost(document, node, settings.cost_limit) for node in nodes]


def _cost(document: Document, node: OperationDefinitionNode, limit: int) -> tuple[str, int]:
    """The name and the points of an operation. Raises _Unfit beyond `limit`."""
    name = node.name.value if node.name else None
    operation = document.operation(name)
    assert operation is not None
    defaults = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in node.variable_definitions or ()
        if each.default_value is not None
    }
    cost = operation.cost(VariableValues({}, defaults))
    if cost.points > limit:
        raise _Unfit(
            f"It costs {cost.points}. The maximum is {limit} (COST_LIMIT). Its most "
            "expensive part is "
            f"{'.'.join(cost.path)}."
        )
    return f"{node.operation.value} {name or '(without a name)'}", cost.points
