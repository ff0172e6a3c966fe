"""Sends the answer of one operation in parts, by plans or by graphql-core."""

from strawberry.types import ExecutionResult

from db.errors import DatabaseError, StatementTimeout
from graph.context import Context
from graph.delivery.growing_answer import GrowingAnswer
from graph.delivery.planned import PlannedDelivery, WholeAnswer
from graph.delivery.splitter import SplitOperation
from graph.delivery.unplanned import UnplannedDelivery
from graph.delivery.writer import PartsWriter
from graph.document.operation import PreparedOperation
from graph.operation_request import OperationRequest
from graph.plan.planner import Planner
from graph.schema.build import Schema
from graph.unplanned import run_unplanned


class Delivery:
    """One operation on its way.

    `undivided` is graphql-core's result where it put nothing off after all; None otherwise.
    """

    def __init__(
        self, schema: Schema, planner: Planner, context: Context, request: OperationRequest
    ) -> None:
        self._schema, self._planner = schema, planner
        self._context, self._request = context, request
        self.answer = GrowingAnswer()
        self.undivided: ExecutionResult | None = None

    async def run(self, prepared: PreparedOperation, writer: PartsWriter) -> bool:
        """Send the parts. False: nothing is put off, or it is better answered at once.

        Raises InvalidArgument, DatabaseError, TooBusy.
        """
        operation = prepared.operation
        split = self._planner.split(prepared) if operation.has_parts else None
        if split is None:
            return False
        if operation.is_query and self._context.switches.planned_execution:
            try:
                if await self._planned(prepared, split, writer):
                    return True
            except DatabaseError as error:
                if writer.has_begun or isinstance(error, StatementTimeout):
                    raise
                return False  # a statement of its own is tried again
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
    ) -> bool:
        return await PlannedDelivery(
            self._planner,
            self._context,
            prepared,
            split,
            answer=self.answer,
            writer=writer,
            run_whole=self._run_whole,
        ).run()

    async def _run_whole(self) -> WholeAnswer:
        result = await run_unplanned(self._schema, self._context, self._request)
        return WholeAnswer(result.data, [each.formatted for each in result.errors or ()])
