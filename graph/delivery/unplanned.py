"""Sends the parts of an operation that graphql-core runs: a mutation, or a query without a plan.

Only fragments are put off; lists come wholly.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import orjson
from graphql import GraphQLError
from graphql.execution import (
    IncrementalDeferResult,
    InitialIncrementalExecutionResult,
    PendingResult,
    SubsequentIncrementalExecutionResult,
)

from graph.context import Context
from graph.delivery.announced_parts import SentAnswer
from graph.delivery.answer_data import selected, value_at
from graph.delivery.parts import AnswerPart, ResponsePath, SplitOperation
from graph.delivery.writer import Completed, PartEntry, PartPayload, PartsWriter, PendingPart
from graph.document.operation import Operation
from graph.scalars import format_floats
from graph.schema.build import Schema


class UnplannedDelivery:
    """One operation on its way."""

    def __init__(
        self,
        schema: Schema,
        context: Context,
        operation: Operation,
        split: SplitOperation,
        *,
        answer: SentAnswer,
        writer: PartsWriter,
    ) -> None:
        self._schema, self._context, self._operation = schema, context, operation
        self._answer, self._writer = answer, writer
        self._pending: dict[str, PendingPart] = {}
        self._parts: dict[tuple[str | None, ResponsePath], AnswerPart | None] = {}
        for each in split.parts:
            if each.first is not None:
                continue
            key = (each.label, each.path)
            self._parts[key] = None if key in self._parts else each
        self._part_of: dict[str, AnswerPart | None] = {}

    async def run(self, text: str, variables: Any, operation_name: str | None) -> Any:
        """Send all parts. Returns graphql-core's result where nothing was put off."""
        results: Any = await self._schema.stream(
            text,
            variable_values=variables,
            context_value=self._context,
            operation_name=operation_name,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, InitialIncrementalExecutionResult):
                    self._answer.data = format_floats(result.data)
                    pending = [self._announced(each) for each in result.pending]
                    errors = [each.formatted for each in result.errors or ()]
                    self._writer.write(PartPayload(self._answer.data, errors, pending))
                elif isinstance(result, SubsequentIncrementalExecutionResult):
                    self._send(result)
                else:
                    return result
        return None

    def _announced(self, made: PendingResult) -> PendingPart:
        names = tuple(each for each in made.path if isinstance(each, str))
        part = self._parts.get((made.label, names))
        pending = self._writer.announce(tuple(made.path), made.label, is_whole=part is not None)
        self._pending[made.id], self._part_of[made.id] = pending, part
        return pending

    def _send(self, result: SubsequentIncrementalExecutionResult) -> None:
        payload = PartPayload(pending=[self._announced(each) for each in result.pending or ()])
        for each in result.incremental or ():  # one may add what the next one belongs to
            assert isinstance(each, IncrementalDeferResult)
            payload.entries.append(self._fragment(each))
        for made in result.completed or ():
            payload.completed.append(self._completed(made.id, made.errors))
        self._writer.write(payload)

    def _fragment(self, made: IncrementalDeferResult) -> PartEntry:
        pending, sub_path = self._pending[made.id], tuple(made.sub_path or ())
        data: Any = format_floats(made.data)
        written = _written(data)
        value_at(self._answer.data, (*pending.path, *sub_path)).update(data)
        return PartEntry(pending, written, sub_path, errors=self._described(made.errors))

    def _completed(self, made: str, errors: Sequence[GraphQLError] | None) -> Completed:
        pending, part = self._pending[made], self._part_of[made]
        whole = None
        if part is not None and not errors:
            value = value_at(self._answer.data, pending.path)
            whole = selected(value, part.selections, self._operation.fragments)
        return Completed(pending, self._described(errors), whole)

    def _described(self, errors: Sequence[GraphQLError] | None) -> list[Any]:
        found = list(errors or ())
        self._schema.describe_errors(found, self._context, self._operation.name)
        return [each.formatted for each in found]


def _written(data: Any) -> orjson.Fragment:
    """Write data now: what comes next may add to it, as it is a part of the answer."""
    return orjson.Fragment(orjson.dumps(data))
