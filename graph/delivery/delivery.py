"""Sends the answer of one operation in parts, by plans or by graphql-core."""

import orjson
from strawberry.types import ExecutionResult

from db.errors import DatabaseError, StatementTimeout
from graph.context import Context
from graph.delivery.announced_parts import SentAnswer
from graph.delivery.answer_data import selected
from graph.delivery.parts import SplitOperation
from graph.delivery.planned import PlannedDelivery, WholeAnswer
from graph.delivery.unplanned import UnplannedDelivery
from graph.delivery.writer import PartsWriter
from graph.document.operation import Operation, PreparedOperation
from graph.operation_request import OperationRequest
from graph.plan.planner import Planner
from graph.schema.build import Schema
from graph.unplanned import run_unplanned


class Delivery:
    """One operation on its way.

    `operation` is set when it begins. `undivided` is graphql-core's result where it put nothing off
    after all; None otherwise. `has_failed`: an error ends it before its last part.
    """

    def __init__(
        self, schema: Schema, planner: Planner, context: Context, request: OperationRequest
    ) -> None:
        self._schema, self._planner = schema, planner
        self._context, self._request = context, request
        self.operation: Operation
        self.answer = SentAnswer()
        self.undivided: ExecutionResult | None = None
        self.has_failed = False

    async def run(self, prepared: PreparedOperation, writer: PartsWriter) -> bool:
        """Send the parts. False: nothing is put off, or it is better answered at once.

        Raises InvalidArgument, DatabaseError, TooBusy.
        """
        operation = self.operation = prepared.operation
        if not operation.has_parts or operation.is_introspection:
            return False  # the schema is read in a process of its own, at once
        split = self._planner.split(prepared)
        if split is None:
            return False
        if operation.is_query and self._context.switches.planned_execution:
            try:
                is_sent = await self._planned(prepared, split, writer)
            except DatabaseError as error:
                if writer.has_begun or isinstance(error, StatementTimeout):
                    raise
                is_sent = False  # a statement of its own is tried again
            if is_sent is not None:
                return is_sent
        self._context.is_in_parts = True
        by_core = UnplannedDelivery(
            self._schema, self._context, operation, split, answer=self.answer, writer=writer
        )
        request = self._request
        self.undivided = await by_core.run(
            request.text, dict(request.variables or {}), request.operation_name
        )
        return True

    async def _planned(
        self, prepared: PreparedOperation, split: SplitOperation, writer: PartsWriter
    ) -> bool | None:
        """Send the parts by plans, and keep the answer that they add up to.

        False: this process has the answer. None: graphql-core is to run the operation.
        """
        planner = self._planner
        requests = await planner.attempt(planner.whole_requests(self._context, prepared))
        if requests is None:
            return None
        if planner.are_at_hand(requests):
            return False
        delivery = PlannedDelivery(
            planner,
            self._context,
            prepared,
            split,
            answer=self.answer,
            writer=writer,
            run_whole=self._run_whole,
        )
        if not await delivery.run():
            return None
        if requests and delivery.is_sound and not self.answer.points:
            planner.keep(requests, self._bodies(prepared.operation))
        return True

    def _bodies(self, operation: Operation) -> dict[str, bytes]:
        """Write the root fields of the whole answer, their members in the document's order."""
        data = self.answer.visible(self.answer.data)
        roots = selected(data, operation.node.selection_set.selections, operation.fragments)
        return {name: orjson.dumps(each) for name, each in roots.items()}

    async def _run_whole(self) -> WholeAnswer:
        result = await run_unplanned(self._schema, self._context, self._request)
        return WholeAnswer(result.data, [each.formatted for each in result.errors or ()])
