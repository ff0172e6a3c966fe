"""Runs operations: finds the document, charges the cost, runs it by plan or on graphql-core, and writes the answer.

Queries and mutations come through `Executor.execute`, over HTTP, WebSockets and event streams alike. Subscriptions come
through Strawberry, whose extension (`graph/schema.py`) takes the same steps one by one: `read`, `admit`, `settle`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from graphql import GraphQLError, OperationType
from graphql.execution.values import VariableValues
from strawberry.types import ExecutionResult

from db.errors import DatabaseError, StatementTimeout
from graph.budget import BudgetExhausted, BudgetState
from graph.charge import TOKENS_PER_POINT, Charge, actual_cost, check_limit, objects_in
from graph.context import Context
from graph.document_errors import NotRead, TooBusy
from graph.documents import Document, Documents, Operation
from graph.errors import CallerError, IntrospectionDisabled, OperationTimeout, UnknownOperation, describe
from graph.plan.planner import Found, Planner
from graph.scalars import format_floats
from graph.schema import Schema
from graph.time_limit import TimeLimit

_RETRY_AFTER_S = 1


@dataclass(slots=True)
class OperationRequest:
    """What a request asks to run. `is_safe_only`: nothing but a query; `is_dry_run`: tell the cost, run nothing."""

    text: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    is_safe_only: bool = False
    is_dry_run: bool = False


@dataclass(slots=True)
class Answer:
    """An operation's answer: `body` is the response's JSON.

    `is_executed` is False where the request was at fault, and the body has no `data`. `status` is the HTTP status where
    it is not for the media type to say, `retry_after_s` goes with it. `public_s` is for how many seconds shared caches
    may keep it, None where it is the caller's own, and `age_s` how old it is already.
    """

    body: bytes
    is_executed: bool = True
    status: int | None = None
    retry_after_s: int | None = None
    budget: BudgetState | None = None
    public_s: int | None = None
    age_s: int = 0
    is_query: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """`introspection`: who may ask about the schema. `timeout_s`: how long an operation may take, in seconds."""

    introspection: Literal["on", "signed-in", "off"] = "on"
    timeout_s: float = 30.0


class Executor:
    """Runs the operations of one process."""

    def __init__(self, schema: Schema, documents: Documents, planner: Planner, policy: ExecutionPolicy) -> None:
        self._schema, self._documents, self._planner, self._policy = schema, documents, planner, policy
        self._time_limit = TimeLimit(policy.timeout_s)
        self.refusals: Counter[str] = Counter()
        """How many operations were refused or failed, by the code of the first error, since the process started."""

    async def execute(self, context: Context, request: OperationRequest) -> Answer:
        """Answer a request, whatever it is: errors are answers too."""
        try:
            return await self._time_limit.run(self._execute(context, request))
        except TooBusy as error:
            return self._refused(context, [_wrapped(error)], status=503, retry_after_s=error.retry_after_s)
        except CallerError as error:
            return self._refused(context, [_wrapped(error)])
        except TimeoutError:
            return self._refused(context, [_wrapped(OperationTimeout(self._policy.timeout_s))], status=503)
        except DatabaseError as error:
            if context.charge is not None and not isinstance(error, StatementTimeout):
                context.charge.settle(0)  # an outage is not the caller's to pay for
            return self._refused(context, [_wrapped(error)], status=503, retry_after_s=_RETRY_AFTER_S)

    async def _execute(self, context: Context, request: OperationRequest) -> Answer:
        document = self._documents.known(request.text) or await self.read(context, request.text)
        if not document.is_sound:
            return self._refused(context, document.errors)
        operation = document.operation(request.operation_name)
        if operation is None:
            raise UnknownOperation(request.operation_name)
        context.document = document
        context.note_operation(operation.name)
        if not operation.is_query and (answer := self._unfit(context, operation, request)):
            return answer
        variables = operation.variables(self._schema, request.variables or {})
        if variables is None:
            return self._refused(context, operation.variable_errors(self._schema, request.variables or {}))
        if request.is_dry_run:
            return await self._dry_run(context, operation, variables)
        await self.admit(context, operation, variables)
        planned = await self._planned(context, operation, variables, request)
        return planned or await self._unplanned(context, operation, request)

    async def read(self, context: Context, text: str) -> Document:
        """Get a document, sound or not; reading an unknown one is charged. Raises BudgetExhausted."""
        known = self._documents.known(text)
        if known is not None:
            return known
        budget = context.budget()
        # Charged before, for reading is the work, by what it may be at most; the rest is given back.
        most = min(self._documents.most_tokens(text) // TOKENS_PER_POINT, budget.operation_limit)
        charge, used = Charge(budget, most, await budget.charge(most)), 0
        try:
            document = await self._documents.read(text)
            used = document.tokens // TOKENS_PER_POINT
        except NotRead:
            used = most
            raise
        finally:
            charge.settle(used)
        return document

    async def admit(self, context: Context, operation: Operation, variables: VariableValues) -> Charge:
        """Let an operation run, and charge it. Raises IntrospectionDisabled, TooExpensive, BudgetExhausted."""
        if operation.asks_about_schema:
            self._check_introspection(context)
        budget = context.budget()
        cost, path = operation.cost(self._schema, variables)
        check_limit(budget, cost, path)
        context.charge = Charge(budget, cost, await budget.charge(cost))
        return context.charge

    def settle(self, charge: Charge, operation: Operation, data: Any) -> None:
        """Give back what an operation did not use, by the data it answered with."""
        is_mutation = operation.node.operation is OperationType.MUTATION
        mutations = len(data) if is_mutation and data is not None else 0
        charge.settle(actual_cost(operation, charge.requested, objects_in(data), mutations))

    def _check_introspection(self, context: Context) -> None:
        viewer, policy = context.viewer, self._policy.introspection
        if policy == "on" or viewer.is_admin or (policy == "signed-in" and viewer.account_id is not None):
            return
        raise IntrospectionDisabled(policy)

    def _unfit(self, context: Context, operation: Operation, request: OperationRequest) -> Answer | None:
        """Refuse what cannot be done by this request: a mutation by a safe one, a subscription by any."""
        if operation.node.operation is OperationType.SUBSCRIPTION and not request.is_dry_run:
            error = CallerError(
                "Subscribe over a WebSocket (graphql-transport-ws), or with `Accept: text/event-stream`."
            )
            return self._refused(context, [_wrapped(error)])
        if request.is_safe_only and operation.node.operation is OperationType.MUTATION:
            error = CallerError("Send mutations by POST: a GET changes nothing.")
            return self._refused(context, [_wrapped(error)], status=405)
        return None

    async def _dry_run(self, context: Context, operation: Operation, variables: VariableValues) -> Answer:
        if operation.asks_about_schema:
            self._check_introspection(context)
        cost, path = operation.cost(self._schema, variables)
        budget = context.budget()
        context.charge = Charge(budget, cost, await budget.charge(0), actual=0)
        check_limit(budget, cost, path)
        return self._answer(context, (b'{"data":null',), operation)

    async def _planned(
        self, context: Context, operation: Operation, variables: VariableValues, request: OperationRequest
    ) -> Answer | None:
        if not (operation.is_query and context.switches.planned_execution):
            return None
        found = await self._planner.answer(context, operation, variables)
        if found is None:
            return None
        assert context.charge is not None
        charge = context.charge
        charge.settle(actual_cost(operation, charge.requested, found.objects))
        if request.is_safe_only and self._is_public(operation, found):
            # What everybody is told says nothing of the caller's budget.
            body = b"".join((b'{"data":', *found.parts, b"}"))
            return Answer(body, budget=charge.state, public_s=found.public_s, age_s=found.age_s, is_query=True)
        return self._answer(context, (b'{"data":', *found.parts), operation)

    def _is_public(self, operation: Operation, found: Found) -> bool:
        return found.public_s is not None and (not operation.asks_about_schema or self._policy.introspection == "on")

    async def _unplanned(self, context: Context, operation: Operation, request: OperationRequest) -> Answer:
        result = await self._schema.execute(
            request.text,
            variable_values=dict(request.variables or {}),
            context_value=context,
            operation_name=request.operation_name,
        )
        assert isinstance(result, ExecutionResult)
        errors = result.errors or []
        if result.data is None and any(error.path is None for error in errors):
            return self._refused(context, errors)
        if (outage := _outage(errors)) and _is_undone(operation, result.data):
            raise outage  # as a plan does: the whole is to be asked again
        body: dict[str, Any] = {"data": format_floats(result.data)}
        if errors:
            self._count(errors)
            body["errors"] = [error.formatted for error in errors]
        return self._answer(context, (orjson.dumps(body)[:-1],), operation)

    def _answer(self, context: Context, begun: Sequence[bytes], operation: Operation) -> Answer:
        """Finish a body that is begun, with what the operation cost."""
        charge = context.charge
        if charge is None:
            return Answer(b"".join((*begun, b"}")), is_query=operation.is_query)
        body = b"".join((*begun, b',"extensions":{"cost":', charge.report_json(), b"}}"))
        return Answer(body, budget=charge.state, is_query=operation.is_query)

    def _refused(
        self, context: Context, errors: list[GraphQLError], status: int | None = None, retry_after_s: int | None = None
    ) -> Answer:
        """Answer a request that did not run, or not to its end."""
        exhausted = next((each.original_error for each in errors if _is_exhausted(each)), None)
        for error in errors:
            describe(error, context.request_id)
        self._count(errors)
        body: dict[str, Any] = {"errors": [error.formatted for error in errors]}
        state = context.charge.state if context.charge else None
        if isinstance(exhausted, BudgetExhausted):
            status, retry_after_s, state = 429, exhausted.retry_after_s, exhausted.state
        if context.charge is not None:
            body["extensions"] = {"cost": context.charge.report()}
        return Answer(orjson.dumps(body), False, status, retry_after_s, state)

    def _count(self, errors: list[GraphQLError]) -> None:
        self.refusals[str((errors[0].extensions or {}).get("code"))] += 1


def _wrapped(error: Exception) -> GraphQLError:
    return GraphQLError(str(error), original_error=error)


def _outage(errors: Sequence[GraphQLError]) -> DatabaseError | None:
    return next((each.original_error for each in errors if isinstance(each.original_error, DatabaseError)), None)


def _is_undone(operation: Operation, data: Any) -> bool:
    """Tell whether nothing was changed that a caller would have to know of: a query, or one mutation that failed."""
    return operation.is_query or (data is None and len(operation.node.selection_set.selections) == 1)


def _is_exhausted(error: GraphQLError) -> bool:
    return isinstance(error.original_error, BudgetExhausted)
