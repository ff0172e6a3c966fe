"""Runs operations on graphql-core, by Strawberry: mutations, and queries that plans do not cover."""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError
from strawberry.types import ExecutionResult

from db.errors import DatabaseError
from graph.context import Context
from graph.document.operation import Operation
from graph.operation_request import OperationRequest
from graph.schema.build import Schema


async def run_unplanned(
    schema: Schema, context: Context, request: OperationRequest
) -> ExecutionResult:
    """Run an operation at once, with all that it would put off."""
    result = await schema.execute(
        request.text,
        variable_values=dict(request.variables or {}),
        context_value=context,
        operation_name=request.operation_name,
    )
    assert isinstance(result, ExecutionResult)
    return result


def outage_in(errors: Sequence[GraphQLError]) -> DatabaseError | None:
    """Get the first error that is the database's, or None."""
    return next(
        (each.original_error for each in errors if isinstance(each.original_error, DatabaseError)),
        None,
    )


def is_undone(operation: Operation, data: Any) -> bool:
    """Whether nothing was changed: a query, or a single mutation that failed."""
    return operation.is_query or (
        data is None and len(operation.node.selection_set.selections) == 1
    )
