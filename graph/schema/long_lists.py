"""Completes long lists on graphql-core in turns, so that they do not hold up all other callers."""

from asyncio import CancelledError, get_running_loop
from collections.abc import Iterable
from contextvars import copy_context
from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.pyutils import AwaitableOrValue, Path, gather_with_cancel

from runtime.loop_turns import END_OF_PART, EndOfPart

_MOST_AT_ONCE = 20
"""Entries that are completed at once: graphql-core takes a millisecond for the fields of some."""


class LongLists(Executor[Any]):
    """Part of an executor. Its context has `turns`."""

    def complete_iterable_value(  # noqa: PLR0917 - the signature is graphql-core's
        self,
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        """Complete a list: a long one in turns, unless entries of it are put off (@stream)."""
        is_long = isinstance(items, list) and len(items) > _MOST_AT_ONCE
        complete = (
            self._complete_in_turns
            if is_long and self.get_stream_usage(field_details_list, path) is None
            else super().complete_iterable_value
        )
        return complete(item_type, field_details_list, info, path, items, position_context)

    async def _complete_in_turns(  # noqa: PLR0917 - as above
        self,
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        entries: Iterable[Any],
        position_context: Any,
    ) -> list[Any]:
        completed: list[Any] = []
        pending: list[int] = []
        ending, context = EndOfPart(END_OF_PART.get()), copy_context()
        context.run(END_OF_PART.set, ending)
        begin = get_running_loop().create_task
        try:
            for index, entry in enumerate(entries):
                await self.context_value.turns.take()
                if self.complete_list_item_value(
                    entry,
                    completed,
                    item_type,
                    field_details_list,
                    info,
                    path.add_key(index, None),
                    position_context,
                ):
                    completed[index] = begin(completed[index], context=context.copy())
                    pending.append(index)
        except BaseException as error:
            # Others of the operation may go on: an error beside a list takes away that list alone.
            if isinstance(error, CancelledError):
                ending.begin()
            self.settle_in_background([completed[index] for index in pending])
            raise
        found = await gather_with_cancel(*[completed[index] for index in pending])
        for index, value in zip(pending, found, strict=True):
            completed[index] = value
        return completed
