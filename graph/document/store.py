"""The documents of the schema: each text is read once and kept while it is in use.

Very long ones and refused ones are read each time.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from time import monotonic
from typing import Any, NamedTuple

from graphql import DocumentNode, GraphQLSchema
from graphql.execution.values import VariableValues

from graph.cost.model import CostModel
from graph.document.errors import too_many_characters
from graph.document.limits import DocumentLimits
from graph.document.operation import Document, Operation
from graph.document.part_directives import without_parts
from graph.document.reader_process import LEAST_URGENT, NICENESS, DocumentProcess, DocumentWork
from graph.document.reader_queue import Lane, RecentTime
from graph.document.validation import ValidationResult
from runtime import tracing
from runtime.bounded_map import SegmentedLru
from runtime.round_robin import Ticket
from runtime.single_flight import SingleFlight

KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of all documents that are kept, unless a store is given others."""
MAX_WAITING = 200
"""Documents that may wait for a process at once, in each of the two lanes. Questions about the
schema count, too.
"""
_LONGEST_KEPT = 8 * 1024
"""Characters of a document that is kept."""
_ANSWERS_IN_ROOM = 64
"""An answer about the schema that is kept takes at most a 64th of the room."""
IDLE_S = 600.0
"""Seconds between two searches for documents that were not used since the search before."""
_LONGEST_INLINE = 512
"""Characters of a document that the event loop may read itself."""
_INLINE_EVERY_S = 0.05
"""Seconds at least between the end of one such reading and the next."""
_SHORT = 1000
"""Characters of a document that is read in less than some 40 ms, in the mean 10."""
_SHORT_POINTS = 300
"""Cost of a question about the schema that is answered in less than some 20 ms."""
_HEAVY_S = 0.1
"""Recent seconds of a caller, from which on its long documents wait apart from all others'."""


class _Asked(NamedTuple):
    """A document's place in a line."""

    lane: Lane
    ticket: Ticket


class DocumentStore:
    """The documents of one schema, by their text.

    After `begin_process`, documents are read in processes of their own, so that requests with known
    documents do not wait. A short document is read inline, unless one was just now. Without the
    processes all are.

    Callers take turns, so none waits behind all documents of another. What one document takes
    cannot be interrupted: long documents of callers that had many have a process of their own.
    """

    def __init__(
        self, costs: CostModel, limits: DocumentLimits, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._costs, self._limits = costs, limits
        self._work = DocumentWork(costs.schema, limits)
        self._lane: Lane | None = None
        self._long_lane: Lane | None = None
        self._times = RecentTime()
        self._kept = SegmentedLru[Document](kept_bytes, lambda _, document: document.bytes)
        self._largest_answer = kept_bytes // _ANSWERS_IN_ROOM
        self._cleanup: asyncio.TimerHandle | None = None
        self.dropped_idle = 0
        """How many documents were dropped because they were not used for long."""
        self._reads = SingleFlight[str, Document](self._keep_result)
        self._asked: dict[str, _Asked] = {}
        self._read_inline_at = -_INLINE_EVERY_S

    def begin_process(self, build_schema: Callable[[], GraphQLSchema]) -> None:
        """Start the processes. Call it before the event loop starts.

        `build_schema` must be a function that can be pickled: a process that takes over calls it.
        """
        self._lane, self._long_lane = (
            Lane(
                DocumentProcess(self._work, self._limits, build_schema, niceness),
                self._times,
                MAX_WAITING,
            )
            for niceness in (NICENESS, LEAST_URGENT)
        )

    @property
    def process(self) -> DocumentProcess | None:
        """The process of most documents. None: documents are read inline."""
        return self._lane.process if self._lane is not None else None

    @property
    def waiting(self) -> int:
        """How many documents and questions about the schema wait or are under way."""
        return sum(len(each) for each in (self._lane, self._long_lane) if each is not None)

    @property
    def refused(self) -> int:
        """How many were refused because too many waited."""
        return sum(each.refused for each in (self._lane, self._long_lane) if each is not None)

    def known(self, text: str) -> Document | None:
        """Get a document that is kept, valid or not; None if it is not kept."""
        return self._kept.find(text)

    def most_tokens(self, text: str) -> int:
        """Get the highest number of tokens that may be read: each has a character."""
        return min(len(text), self._limits.max_tokens)

    async def read(self, text: str, caller: Hashable = None) -> Document:
        """Read a document, valid or not; once, if it is asked for several times at once.

        `caller` has the place in line. Raises TooBusy.
        """
        found = self._kept.find(text)
        if found is not None:
            return found
        with tracing.span("graphql.parse"):
            return await self._read(text, caller)

    async def _read(self, text: str, caller: Hashable) -> Document:
        if len(text) > self._limits.max_characters:
            refusal = too_many_characters(len(text), self._limits.max_characters)
            return self._document(text, ValidationResult(None, (refusal,), tokens=0))
        lane = self._lane_of(caller, is_short=len(text) <= _SHORT)
        if lane is None or self._may_read_inline(text, caller):
            return self._read_inline(text, caller)
        if (asked := self._asked.get(text)) is not None:
            asked.lane.share(asked.ticket, caller)
        return await self._reads.run(text, lambda: self._begin_read(lane, caller, text))

    async def introspect(
        self, operation: Operation, variables: VariableValues, caller: Hashable = None
    ) -> bytes | None:
        """Answer an operation that selects nothing but the schema. None: it has errors.

        Raises TooBusy.
        """
        document = DocumentNode(definitions=(operation.node, *operation.fragments.values()))
        if operation.has_parts:
            document = without_parts(document)
        values = dict(variables.coerced)
        cost = operation.cost(variables).points
        lane = self._lane_of(caller, is_short=cost <= _SHORT_POINTS)
        if lane is None:
            return self._work.introspect(document, values)
        try:
            return await lane.run(
                lane.ask(caller), caller, lane.process.introspect, document, values
            )
        except RecursionError:  # too deep to be sent
            return self._work.introspect(document, values)

    def weigh_again(self, operation: Operation) -> None:
        """Count what is now kept for an operation. If there is no room, documents are dropped."""
        self._kept.weigh_again(operation.document_text)

    def may_keep(self, answer: bytes) -> bool:
        """Whether an answer about the schema is small enough to be kept."""
        return len(answer) <= self._largest_answer

    @property
    def kept_bytes(self) -> int:
        """Approximate size of all documents that are kept, with plans and answers."""
        return self._kept.weight

    @property
    def evictions(self) -> int:
        """How many documents were dropped for others, or because they were not used."""
        return self._kept.dropped + self.dropped_idle

    def close(self) -> None:
        """End the processes. Documents that wait for them are not read."""
        if self._cleanup is not None:
            self._cleanup.cancel()
        for lane in (self._lane, self._long_lane):
            if lane is not None:
                lane.close()
        self._lane = self._long_lane = None

    def _lane_of(self, caller: Hashable, *, is_short: bool) -> Lane | None:
        """Choose the process for a caller's document. None: there is no process."""
        if self._lane is None or is_short or not self._is_heavy(caller):
            return self._lane
        return self._long_lane

    def _is_heavy(self, caller: Hashable) -> bool:
        """Whether a caller's documents took much time just now, or one of them waits."""
        assert self._lane is not None
        return self._times.of(caller) > _HEAVY_S or self._lane.has(caller)

    def _may_read_inline(self, text: str, caller: Hashable) -> bool:
        """Whether the event loop has time to do it. Other requests wait until it is done."""
        return (
            len(text) <= _LONGEST_INLINE
            and monotonic() - self._read_inline_at > _INLINE_EVERY_S
            and text not in self._asked
            and not self._is_heavy(caller)
        )

    def _read_inline(self, text: str, caller: Hashable) -> Document:
        began = monotonic()
        document = self._document(text, self._work.read(text))
        self._keep(text, document)
        self._read_inline_at = monotonic()
        self._times.add(caller, self._read_inline_at - began)
        return document

    def _begin_read(self, lane: Lane, caller: Hashable, text: str) -> Coroutine[Any, Any, Document]:
        """Join the line before the reading's task begins. Raises TooBusy."""
        self._asked[text] = asked = _Asked(lane, lane.ask(caller))
        return self._read_in(asked, caller, text)

    async def _read_in(self, asked: _Asked, caller: Hashable, text: str) -> Document:
        lane, ticket = asked
        try:
            return self._document(text, await lane.run(ticket, caller, lane.process.read, text))
        finally:
            del self._asked[text]

    def _document(self, text: str, result: ValidationResult) -> Document:
        return Document(result, self._costs, self._limits, text)

    def _keep_result(self, text: str, read: "asyncio.Task[Document]") -> None:
        if not read.cancelled() and read.exception() is None:
            self._keep(text, read.result())

    def _keep(self, text: str, document: Document) -> None:
        if len(text) <= _LONGEST_KEPT:
            self._kept.keep(text, document)
            if self._cleanup is None:
                self._cleanup = asyncio.get_running_loop().call_later(IDLE_S, self._drop_idle)

    def _drop_idle(self) -> None:
        self.dropped_idle += self._kept.drop_idle()
        self._cleanup = None
        if self._kept:
            self._cleanup = asyncio.get_running_loop().call_later(IDLE_S, self._drop_idle)
