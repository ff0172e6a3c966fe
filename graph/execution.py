"""Runs operations: finds the document, charges the cost, runs it and writes the response.

Queries and mutations run by `Executor.execute`, whether they come over HTTP, a WebSocket or an
event stream. Subscriptions (`graph/schema/subscribed_operation.py`) take the same steps one by one:
`read`, `admit`, `settle`.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from graphql import OperationType
from strawberry.types import ExecutionResult

from db.errors import DatabaseError, StatementTimeout
from graph.context import Context
from graph.cost.budget import BudgetExhausted
from graph.cost.charge import (
    BYTES_PER_POINT,
    UNPLANNED_MS,
    UNPLANNED_OBJECT_MS,
    Charge,
    actual_cost,
    check_limit,
    refusal_cost,
)
from graph.cost.object_count import count_objects
from graph.delivery.delivery import Delivery
from graph.delivery.writer import PartsForm, PartsWriter
from graph.document.errors import NotRead, TooBusy
from graph.document.operation import Document, Operation, PreparedOperation
from graph.document.paid_reading import PaidReading
from graph.document.store import DocumentStore
from graph.errors import (
    CallerError,
    OperationTimeout,
    UnknownOperation,
)
from graph.execution_policy import ExecutionPolicy
from graph.operation_request import FailedFetch, OperationRequest, OperationResult
from graph.plan.explanation import explain
from graph.plan.planned_data import PlannedData
from graph.plan.planner import Planner
from graph.refusals import Refusals, wrapped
from graph.scalars import format_floats
from graph.schema.build import Schema
from graph.unplanned import is_undone, outage_in, run_unplanned
from runtime.time_limit import TimeLimit
from runtime.work_meter import DATABASE_WORK

_RETRY_AFTER_S = 1
_UNPAID = {HTTPStatus.TOO_MANY_REQUESTS.value, HTTPStatus.SERVICE_UNAVAILABLE.value}
"""Refusals that are not the request's fault, or for which nothing is left to pay with."""


class Executor:
    """Runs the operations of one process."""

    def __init__(
        self, schema: Schema, documents: DocumentStore, planner: Planner, policy: ExecutionPolicy
    ) -> None:
        self._schema, self._documents, self._planner, self._policy = (
            schema,
            documents,
            planner,
            policy,
        )
        self._time_limit = TimeLimit(policy.timeout_s)
        self._reading = PaidReading(documents)
        self._refusals = Refusals()
        self._refused = self._refusals.refused
        self.refusals = self._refusals.counts
        """Counts of operations that were refused or failed, by the code of the first error."""

    async def execute(self, context: Context, request: OperationRequest) -> OperationResult:
        """Run an operation. Errors are results too."""
        result = await self._within_limits(context, self._execute(context, request))
        assert result is not None
        return await self._paid(context, request, result)

    async def deliver(
        self,
        context: Context,
        request: OperationRequest,
        form: PartsForm,
        send: Callable[[OperationResult], None],
    ) -> None:
        """Run an operation and send its answer: in parts where it has @defer or @stream.

        Errors are results too. `send` does not wait for the client.
        """
        delivery = Delivery(self._schema, self._planner, context, request)
        writer = PartsWriter(
            form,
            lambda body, has_next: send(self._part(context, delivery, body, has_next=has_next)),
            lambda: self._finished(context, delivery),
        )
        work = self._deliver(context, request, delivery, writer)
        try:
            result = await self._within_limits(context, work)
        except CancelledError:
            if writer.has_begun:  # who leaves pays what was sent, or its time in the database
                self._finished(context, delivery)
            raise
        if result is None:
            return
        if writer.has_begun:
            delivery.has_failed = True
            writer.fail(orjson.loads(result.body)["errors"])
        else:
            send(await self._paid(context, request, result))

    async def _paid(
        self, context: Context, request: OperationRequest, result: OperationResult
    ) -> OperationResult:
        """Charge an operation that did not run, unless it was charged."""
        if result.is_executed or result.status in _UNPAID:
            return result
        if context.charge is None or request.is_dry_run:
            try:
                await self.charge_refusal(context)
            except BudgetExhausted as error:
                return self._refused(context, [wrapped(error)])
        return result

    async def charge_refusal(self, context: Context, size: int = 0) -> None:
        """Charge a request of `size` bytes that was read and does not run.

        Raises BudgetExhausted.
        """
        budget = context.budget()
        await budget.charge(refusal_cost(budget) + size // BYTES_PER_POINT)

    async def _within_limits(
        self, context: Context, work: Awaitable[OperationResult | None]
    ) -> OperationResult | None:
        try:
            return await self._time_limit.run(work)
        except (CallerError, TimeoutError, DatabaseError) as error:
            return self._failed(context, error)
        finally:
            self._take_work(context)

    def _failed(
        self, context: Context, error: CallerError | TimeoutError | DatabaseError
    ) -> OperationResult:
        """Make the result of an operation that failed, and settle its charge if it has one."""
        if isinstance(error, TooBusy):
            if context.charge is not None and not isinstance(error, NotRead):
                context.charge.waive_base()
                context.charge.settle(0)
            return self._refused(
                context, [wrapped(error)], status=503, retry_after_s=error.retry_after_s
            )
        if isinstance(error, CallerError):
            if context.charge is not None and context.charge.actual is None:
                self._settle(context, 1)  # it was found out after the charge
            return self._refused(context, [wrapped(error)])
        if isinstance(error, TimeoutError):
            return self._refused(
                context, [wrapped(OperationTimeout(self._policy.timeout_s))], status=503
            )
        if context.charge is not None:
            self._settle_failed(context, is_own=isinstance(error, StatementTimeout))
        return self._refused(context, [wrapped(error)], status=503, retry_after_s=_RETRY_AFTER_S)

    def tell_of(self, context: Context, failed: FailedFetch) -> OperationResult:
        """Make the result of an operation that failed where it was fetched, and is paid."""
        context.charge = failed.charge
        context.record_operation(failed.name)
        return self._failed(context, failed.error)

    async def _execute(self, context: Context, request: OperationRequest) -> OperationResult:
        begun = await self._begin(context, request)
        if isinstance(begun, OperationResult):
            return begun
        return await self._run(context, begun, request)

    async def _deliver(
        self, context: Context, request: OperationRequest, delivery: Delivery, writer: PartsWriter
    ) -> OperationResult | None:
        """Run an operation. None: its parts were sent."""
        begun = await self._begin(context, request)
        if isinstance(begun, OperationResult):
            return begun
        if not await delivery.run(begun, writer):
            return await self._run(context, begun, request)
        if delivery.undivided is None:
            return None
        self.settle(context, begun.operation, delivery.undivided.data)
        return self._unplanned(context, begun.operation, delivery.undivided)

    async def _begin(
        self, context: Context, request: OperationRequest
    ) -> PreparedOperation | OperationResult:
        """Prepare and charge an operation, or refuse it."""
        if request.size >= BYTES_PER_POINT:
            points = max(0, request.size - len(request.text)) // BYTES_PER_POINT
            await context.budget().charge(points)
        document = self._documents.known(request.text) or await self._reading.read(
            context, request.text
        )
        if not document.is_valid:
            return self._refused(context, document.errors)
        operation = document.operation(request.operation_name)
        if operation is None:
            raise UnknownOperation(request.operation_name)
        context.document = document
        context.record_operation(operation.name)
        if not operation.is_query and (answer := self._refusals.unfit(context, operation, request)):
            return answer
        prepared = operation.prepare(request.variables or {})
        if isinstance(prepared, list):
            return self._refused(context, prepared)
        if request.is_dry_run:
            return await self._dry_run(context, prepared)
        await self.admit(context, prepared)
        if not request.is_explained:
            return prepared
        told = await explain(self._planner, context, prepared)
        self._settle(context, 0)  # its time in the database
        return self._answer(context, (b'{"data":null',), operation, b',"explain":%b' % told)

    async def _run(
        self, context: Context, prepared: PreparedOperation, request: OperationRequest
    ) -> OperationResult:
        """Run an operation at once."""
        planned = await self._planned(context, prepared, request)
        if planned is not None:
            return planned
        result = await run_unplanned(self._schema, context, request)
        return self._unplanned(context, prepared.operation, result)

    async def read(self, context: Context, text: str) -> Document:
        """Get a document, valid or not. An unknown one is charged. Raises BudgetExhausted."""
        return self._documents.known(text) or await self._reading.read(context, text)

    async def admit(self, context: Context, prepared: PreparedOperation) -> Charge:
        """Charge an operation before it runs.

        Raises IntrospectionDisabled, TooExpensive, BudgetExhausted.
        """
        if prepared.operation.asks_about_schema:
            self._policy.check_introspection(context.viewer)
        budget = context.budget()
        check_limit(budget, prepared.cost, prepared.path, prepared.coordinate)
        state = await budget.charge(prepared.cost)
        context.charge = Charge(
            budget,
            prepared.cost,
            state,
            searches=prepared.is_search,
            reading=context.reading,
            goes_long_way=True,
        )
        DATABASE_WORK.set(context.database_work)
        if self._policy.count_use is not None:
            self._policy.count_use(prepared.operation, context.client)
        return context.charge

    def settle(
        self, context: Context, operation: Operation, data: Any, *, is_planned: bool = False
    ) -> None:
        """Settle the charge by what the operation returned and what it took.

        What is not planned was written by graphql-core.
        """
        charge = context.charge
        assert charge is not None
        points, context.points = context.points, 0
        is_mutation = operation.node.operation is OperationType.MUTATION
        # not `__typename`, the one root field of a mutation that is no object
        mutations = (
            sum(isinstance(each, dict) for each in (data or {}).values()) if is_mutation else 0
        )
        objects = count_objects(data)
        if not is_planned:
            work, asks = context.database_work, operation.asks_about_schema
            own_ms = 0.0 if work.has_asked or asks else UNPLANNED_MS
            work.add_own(own_ms + UNPLANNED_OBJECT_MS * objects)
        self._settle(
            context,
            actual_cost(
                charge.requested,
                objects + points,
                mutations,
                asks_about_schema=operation.asks_about_schema,
            ),
        )

    def _settle(self, context: Context, objects: int) -> None:
        assert context.charge is not None
        self._take_work(context)
        context.charge.settle(objects)

    def _settle_failed(self, context: Context, *, is_own: bool) -> None:
        """Settle what the database did not answer. Callers do not pay for an outage."""
        assert context.charge is not None
        self._take_work(context)
        if not is_own:
            context.charge.waive_base()
        context.charge.settle(context.charge.requested if is_own else 0)

    def _take_work(self, context: Context) -> None:
        """Take the operation's time in the database so far from the caller's."""
        if context.charge is not None:
            without_plans = not context.switches.planned_execution
            context.charge.spend_database_time(context.database_work, without_plans=without_plans)

    async def _dry_run(self, context: Context, prepared: PreparedOperation) -> OperationResult:
        if prepared.operation.asks_about_schema:
            self._policy.check_introspection(context.viewer)
        budget = context.budget()
        context.charge = Charge(budget, prepared.cost, await budget.charge(0), actual=0)
        check_limit(budget, prepared.cost, prepared.path, prepared.coordinate)
        context.charge.state = await budget.charge(refusal_cost(budget))
        return self._answer(context, (b'{"data":null',), prepared.operation)

    async def _planned(
        self, context: Context, prepared: PreparedOperation, request: OperationRequest
    ) -> OperationResult | None:
        operation = prepared.operation
        if not (operation.is_query and context.switches.planned_execution):
            return None
        found = await self._planner.answer(context, prepared)
        if found is None:
            return None
        assert context.charge is not None
        charge = context.charge
        self._settle(
            context,
            actual_cost(
                charge.requested, found.objects, asks_about_schema=operation.asks_about_schema
            ),
        )
        if request.is_safe_only and self._is_public(operation, found):
            # a public answer contains nothing about the caller's budget
            body = b"".join((b'{"data":', *found.parts, b"}"))
            context.check_size(body)
            return OperationResult(
                body, budget=charge.state, public_s=found.public_s, age_s=found.age_s, is_query=True
            )
        return self._answer(context, (b'{"data":', *found.parts), operation)

    def _is_public(self, operation: Operation, found: PlannedData) -> bool:
        return found.public_s is not None and (
            not operation.asks_about_schema or self._policy.introspection == "on"
        )

    def _unplanned(
        self, context: Context, operation: Operation, result: ExecutionResult
    ) -> OperationResult:
        """Make the result of what graphql-core returned. Raises DatabaseError."""
        errors = result.errors or []
        if result.data is None and any(error.path is None for error in errors):
            return self._refused(context, errors)
        if (outage := outage_in(errors)) and is_undone(operation, result.data):
            raise outage  # as a plan does: the caller is to repeat the operation
        body: dict[str, Any] = {"data": format_floats(result.data)}
        if errors:
            self._refusals.count(errors)
            body["errors"] = [error.formatted for error in errors]
        answer = self._answer(context, (orjson.dumps(body)[:-1],), operation)
        answer.has_errors = bool(errors)
        return answer

    def _part(
        self, context: Context, delivery: Delivery, body: bytes, *, has_next: bool
    ) -> OperationResult:
        assert context.charge is not None
        state, is_query = context.charge.state, delivery.operation.is_query
        context.check_size(body)
        return OperationResult(body, budget=state, is_query=is_query, has_next=has_next)

    def _finished(self, context: Context, delivery: Delivery) -> dict[str, Any]:
        """Settle an operation whose last part is sent; returns the extensions of that part.

        One that failed on its way costs what it would without parts.
        """
        assert context.charge is not None
        if delivery.has_failed:
            return {"cost": context.charge.report()}
        answer = delivery.answer
        context.points += answer.points
        data, is_planned = answer.visible(answer.data), not context.is_in_parts
        self.settle(context, delivery.operation, data, is_planned=is_planned)
        return {"cost": context.charge.report()}

    def _answer(
        self, context: Context, begun: Sequence[bytes], operation: Operation, more: bytes = b""
    ) -> OperationResult:
        """Complete the begun body with the cost of the operation, and `more` extensions."""
        charge = context.charge
        if charge is None:
            return OperationResult(b"".join((*begun, b"}")), is_query=operation.is_query)
        body = b"".join((*begun, b',"extensions":{"cost":', charge.report_json(), more, b"}}"))
        context.check_size(body)
        return OperationResult(body, budget=charge.state, is_query=operation.is_query)
