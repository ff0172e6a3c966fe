"""Results of operations that did not run, or not to their end."""

from collections import Counter
from typing import Any

import orjson
from graphql import GraphQLError, OperationType

from graph.context import Context
from graph.cost.budget import BudgetExhausted
from graph.document.operation import Operation
from graph.errors import CallerError, describe
from graph.operation_request import OperationRequest, OperationResult


class Refusals:
    """Makes the results of one process, and counts them by the code of the first error."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def refused(
        self,
        context: Context,
        errors: list[GraphQLError],
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> OperationResult:
        """Make the result of an operation that did not run, or not to its end."""
        exhausted = next((each.original_error for each in errors if _is_exhausted(each)), None)
        for error in errors:
            describe(error, context.request_id)
        code = self.count(errors)
        body: dict[str, Any] = {"errors": [error.formatted for error in errors]}
        state = context.charge.state if context.charge else None
        if isinstance(exhausted, BudgetExhausted):
            status, retry_after_s, state = 429, exhausted.retry_after_s, exhausted.state
        if context.charge is not None:
            body["extensions"] = {"cost": context.charge.report()}
        return OperationResult(orjson.dumps(body), False, status, retry_after_s, state, code=code)

    def unfit(
        self, context: Context, operation: Operation, request: OperationRequest
    ) -> OperationResult | None:
        """Refuse a mutation in a safe request, and a subscription in any; explain neither.

        None: it may run.
        """
        if request.is_explained:
            error = CallerError("Only queries are explained.", "GraphQL-Explain")
            return self.refused(context, [wrapped(error)])
        if operation.node.operation is OperationType.SUBSCRIPTION and not request.is_dry_run:
            error = CallerError(
                "Subscribe over a WebSocket (graphql-transport-ws), or send `Accept: "
                "text/event-stream`, or `multipart/mixed;subscriptionSpec=1.0` as Apollo does."
            )
            return self.refused(context, [wrapped(error)], status=406)
        if request.is_safe_only and operation.node.operation is OperationType.MUTATION:
            error = CallerError("Send mutations by POST. A GET or QUERY must not change data.")
            return self.refused(context, [wrapped(error)], status=405)
        return None

    def count(self, errors: list[GraphQLError]) -> str:
        """Count the first error, and return its code."""
        code = str((errors[0].extensions or {}).get("code"))
        self.counts[code] += 1
        return code


def wrapped(error: Exception) -> GraphQLError:
    """Make an error of GraphQL of another one."""
    return GraphQLError(str(error), original_error=error)


def _is_exhausted(error: GraphQLError) -> bool:
    return isinstance(error.original_error, BudgetExhausted)
