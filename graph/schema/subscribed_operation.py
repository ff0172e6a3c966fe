"""Runs subscriptions: graphql-core answers each event, unless an equal subscriber's answer fits.

Strawberry's `stream` takes the same steps, in nested generators that every subscriber would keep.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, create_source_event_stream
from graphql.pyutils import AwaitableOrValue, is_awaitable

from graph.context import Context
from graph.document.operation import Operation
from graph.schema.build import build_schema
from graph.schema.event_source import EventSource
from graph.schema.shared_answers import shared_answers


class SubscribedOperation:
    """One subscription. While it waits for an event it holds what answers that, and little else.

    Its reader has to close it.
    """

    __slots__ = ("_context", "_has_ended", "_operation", "_raw", "_source", "_variables")

    def __init__(
        self, context: Context, operation: Operation, variables: Mapping[str, Any] | None
    ) -> None:
        """Make it of an operation of the context's document."""
        self._context, self._operation = context, operation
        self._raw, self._variables = variables or {}, b"{}"
        self._source: EventSource[Any] | None = None
        self._has_ended = False

    async def next(self) -> ExecutionResult | None:
        """Wait for the next result. None: the subscription has ended.

        What it cannot begin or go on for is a result too, and the last.
        """
        if self._has_ended:
            return None
        try:
            if self._source is None:
                found = await self._begin()
                if isinstance(found, list):
                    self._has_ended = True
                    return self._settled(ExecutionResult(None, found))
                self._source = found
            answer: Any = self._answer(await anext(self._source))
            result: ExecutionResult = await answer if is_awaitable(answer) else answer
        except StopAsyncIteration:
            self._has_ended = True
            return None
        except Exception as error:  # noqa: BLE001 - the client is told
            self._has_ended = True
            result = ExecutionResult(None, [_of_graphql(error)])
        return self._settled(result)

    async def close(self) -> None:
        """Wait for no more events."""
        self._has_ended = True
        if self._source is not None:
            await self._source.aclose()

    async def _begin(self) -> EventSource[Any] | list[GraphQLError]:
        """Charge the operation, and find where its events come from. Raises CallerError."""
        context, operation = self._context, self._operation
        raw, self._raw = self._raw, {}
        prepared = operation.prepare(raw)
        if isinstance(prepared, list):
            return prepared
        # no others: what is not declared may be nested more deeply than orjson writes
        declared = [each.variable.name.value for each in operation.node.variable_definitions or ()]
        self._variables = orjson.dumps({name: raw[name] for name in declared if name in raw})
        context.record_operation(operation.name)
        await context.executor.admit(context, prepared)
        executor = self._executor(None)
        if isinstance(executor, list):
            return executor
        source: Any = create_source_event_stream(executor)
        found: EventSource[Any] | list[GraphQLError] = getattr(source, "errors", None) or source
        return found

    def _answer(self, event: Any) -> AwaitableOrValue[ExecutionResult]:
        answers, execute = shared_answers(event), partial(self._execute, event)
        if answers is None:
            return execute()
        return answers.answer(self._operation.node, self._variables, self._context, execute)

    def _execute(self, event: Any) -> AwaitableOrValue[ExecutionResult]:
        executor = self._executor(event)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        result: AwaitableOrValue[ExecutionResult] = executor.execute_operation(serially=False)
        return result

    def _executor(self, event: Any) -> Any:
        """Make what executes the operation once, or errors."""
        return build_schema().executor(
            self._context, self._operation.name, orjson.loads(self._variables), event
        )

    def _settled(self, result: ExecutionResult) -> ExecutionResult:
        """Settle an event, and tell what it cost.

        Its statements are few, and no plan could save them, so only their time counts. The first
        event pays for the beginning too, which takes what a transaction does.
        """
        context = self._context
        if result.errors:
            build_schema().describe_errors(result.errors, context, self._operation.name)
        if (charge := context.charge) is None:
            return result
        context.database_work.take_transactions()
        if not charge.has_begun:
            charge.has_begun = True
            context.database_work.count_transaction()
        context.executor.settle(context, self._operation, result.data)
        cost = {"cost": orjson.Fragment(charge.report_json())}
        return ExecutionResult(result.data, result.errors, cost)


def _of_graphql(error: Exception) -> GraphQLError:
    if isinstance(error, GraphQLError):
        return error
    return GraphQLError(str(error), original_error=error)
