"""Reads documents that are new to the server, and has their callers pay for it."""

import asyncio
from collections.abc import Hashable

from graph.context import Context
from graph.cost.charge import Charge
from graph.cost.reading_allowance import ReadingAllowance
from graph.document.errors import NotRead
from graph.document.operation import Document
from graph.document.store import DocumentStore


class PaidReading:
    """The reading of one process."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents, self._allowance = documents, ReadingAllowance()
        self._under_way = set[asyncio.Task[tuple[Document, int]]]()

    async def read(self, context: Context, text: str) -> Document:
        """Read a document, valid or not.

        Reading is the work, so the most it may cost is charged before, and the rest refunded. Where
        the caller leaves, it goes on and is paid. Raises BudgetExhausted, TooBusy.
        """
        budget, caller = context.budget(), context.caller_key
        most = self._allowance.points(caller, self._documents.most_tokens(text))
        most = min(most, budget.operation_limit)
        charge = Charge(budget, most, await budget.charge(most))
        reading = asyncio.create_task(self._read(charge, text, caller))
        self._under_way.add(reading)
        reading.add_done_callback(self._under_way.discard)
        document, context.reading = await asyncio.shield(reading)
        return document

    async def _read(self, charge: Charge, text: str, caller: Hashable) -> tuple[Document, int]:
        """Read a document and settle its charge; returns what it cost, too."""
        most, used = charge.requested, 0
        try:
            document = await self._documents.read(text, caller)
            used = min(self._allowance.points(caller, document.tokens), most)
            self._allowance.take(caller, document.tokens)
        except NotRead:
            used = most
            raise
        finally:
            charge.settle(used)
        return document, used
