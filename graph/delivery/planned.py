"""Sends the parts of a query that run by plan: a statement each, all on the data of one moment."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import orjson

from db.snapshot import RowReader
from graph.context import Context
from graph.cost.charge import PART_MS
from graph.delivery.announced_parts import AnnouncedParts, SentAnswer
from graph.delivery.answer_data import AnswerPath, add, selected, value_at
from graph.delivery.parts import AnswerPart, SplitOperation
from graph.delivery.writer import Completed, PartEntry, PartPayload, PartsWriter, PendingPart
from graph.document.operation import Operation, PreparedOperation
from graph.plan.kept_plans import ReadyQuery
from graph.plan.planner import Planner


class WholeAnswer(NamedTuple):
    """What graphql-core answers to the whole operation: data, and errors as they are sent."""

    data: Any
    errors: list[Any]


class PlannedDelivery:
    """One query on its way. `run_whole` has graphql-core run it, where a plan fails on the way."""

    def __init__(
        self,
        planner: Planner,
        context: Context,
        prepared: PreparedOperation,
        split: SplitOperation,
        *,
        answer: SentAnswer,
        writer: PartsWriter,
        run_whole: Callable[[], Awaitable[WholeAnswer]],
    ) -> None:
        self._planner, self._context, self._prepared = planner, context, prepared
        self._split, self._answer, self._writer = split, answer, writer
        self._run_whole = run_whole
        self._parts = AnnouncedParts(answer, split, writer)
        self._ready: dict[AnswerPart, ReadyQuery] = {}
        self._whole: WholeAnswer | None = None
        self._snapshot = AsyncExitStack()

    @property
    def is_sound(self) -> bool:
        """Whether all parts that were sent are from plans, which have no errors."""
        return self._whole is None

    async def run(self) -> bool:
        """Send all parts. False: nothing was sent, and graphql-core is to run the operation.

        Raises DatabaseError, TooBusy.
        """
        async with self._snapshot:
            rows = await self._planner.attempt(self._begin())
            if rows is None:
                return False
            with self._context.database_work.computing():
                self._parts.hold_back()
                pending = self._parts.announce()
                data = self._answer.visible(self._answer.data)
            self._writer.write(PartPayload(data=data, pending=pending))
            for part in self._split.parts:
                if found := self._parts.of(part):
                    await self._send(part, found, rows)
        self._planner.planned += 1
        self._planner.weigh(self._prepared.operation)
        return True

    async def _begin(self) -> RowReader:
        """Plan all parts, and read the first one."""
        first = await self._plan(self._split.first)
        for part in self._split.parts:
            if part.operation is not None:
                self._ready[part] = await self._plan(part.operation)
        rows = await self._snapshot.enter_async_context(self._context.database.snapshot())
        self._answer.data = await self._fetch(first, rows)
        return rows

    async def _plan(self, operation: Operation) -> ReadyQuery:
        prepared = PreparedOperation(
            operation, self._prepared.variables, 0, (), self._prepared.is_search
        )
        return await self._planner.ready(self._context, prepared)

    async def _fetch(self, ready: ReadyQuery, rows: RowReader) -> dict[str, Any]:
        found = await self._planner.fetch(self._context, ready, rows)
        self._answer.points += found.points
        with self._context.database_work.computing():
            data: dict[str, Any] = orjson.loads(b"".join(found.parts))
        return data

    async def _send(self, part: AnswerPart, pending: list[PendingPart], rows: RowReader) -> None:
        payload = PartPayload()
        if part.first is None:
            self._parts.note_lists(part)
        data = await self._data(part, rows)
        self._context.database_work.add_own(PART_MS)
        with self._context.database_work.computing():
            for each in pending:
                if part.first is None:
                    self._add(part, each, data, payload)
                else:
                    self._go_on(part, each, data, payload)
            self._parts.finish(part)
            self._parts.hold_back()
            payload.pending = self._parts.announce()
            for entry in payload.entries:
                entry.data = self._answer.visible(entry.data)
            for completed in payload.completed:
                completed.whole = self._answer.visible(completed.whole)
        self._writer.write(payload)

    def _go_on(
        self, part: AnswerPart, pending: PendingPart, data: Any, payload: PartPayload
    ) -> None:
        """Add the rest of a list."""
        path, errors = pending.path, []
        if part.operation is None:
            rest = self._parts.take_held(part, path)
        else:
            new = self._new(part, path, data)
            errors = self._errors(path, new)
            if not isinstance(new, list):
                payload.completed.append(Completed(pending, errors or _missing(path)))
                return
            rest = new[part.first :]
        value_at(self._answer.data, path).extend(rest)
        if rest:
            payload.entries.append(PartEntry(pending, rest, count=len(rest), errors=errors))
        payload.completed.append(Completed(pending))

    async def _data(self, part: AnswerPart, rows: RowReader) -> Any:
        """Read a part's data. None where it has none of its own, or a plan failed."""
        if part not in self._ready:
            return None
        if self._whole is None:
            data = await self._planner.attempt(self._fetch(self._ready[part], rows))
            if data is not None:
                return data
            await self._snapshot.aclose()  # no one may await a connection while holding one
            self._whole = await self._run_whole()
        return None

    def _add(self, part: AnswerPart, pending: PendingPart, data: Any, payload: PartPayload) -> None:
        """Add a fragment's data at one place."""
        path = pending.path
        new = self._new(part, path, data) if part in self._ready else {}
        errors = self._errors(path, new)
        if not isinstance(new, dict):
            self._parts.fail(pending)
            payload.completed.append(Completed(pending, errors or _missing(path)))
            return
        additions = add(value_at(self._answer.data, path), new)
        entries = [PartEntry(pending, each.data, each.path) for each in additions]
        if errors:
            entries = entries or [PartEntry(pending, {})]
            entries[0].errors = errors
        payload.entries += entries
        payload.completed.append(Completed(pending, whole=new))

    def _new(self, part: AnswerPart, path: AnswerPath, data: Any) -> Any:
        """Get what a part has at a place: of its own data, or of the whole answer."""
        if self._whole is None:
            return value_at(data, path)
        new = value_at(self._whole.data, path)
        return selected(new, part.selections, self._prepared.operation.fragments)

    def _errors(self, path: AnswerPath, new: Any) -> list[Any]:
        return [] if self._whole is None else _errors_at(self._whole.errors, path, new)


def _errors_at(errors: list[Any], path: AnswerPath, data: Any) -> list[Any]:
    """List the errors of a fragment's object: those of its members, or why it is not there."""
    found = []
    for each in errors:
        at = tuple(each.get("path") or ())
        if isinstance(data, list):
            found += [each] if at[: len(path)] == path else []
        elif isinstance(data, dict):
            is_own = at[: len(path)] == path and at[len(path) : len(path) + 1] != ()
            if is_own and at[len(path)] in data:
                found.append(each)
        elif at[: len(path)] == path[: len(at)]:
            found.append(each)
    return found


def _missing(path: AnswerPath) -> list[Any]:
    return [
        {
            "message": "This part could not be read. Send the operation again.",
            "path": path,
            "extensions": {"code": "INTERNAL"},
        }
    ]
