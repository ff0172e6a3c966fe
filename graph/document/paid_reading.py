"""Reads documents that are new to the server, and has their callers pay for it."""

import asyncio
from collections.abc import Hashable

from graph.context import Context
from graph.cost.budget import Budget
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

        Reading is the work, so the most that a valid one may cost is charged before, and the rest
        refunded; what an invalid one costs beyond that is owed. Where the caller leaves, it goes on
        and is paid. Raises BudgetExhausted, TooBusy.
        """
        budget, caller = context.budget(), context.caller_key
        most = self._allowance.points(caller, self._documents.most_tokens(text))
        most = min(most, budget.operation_limit)
        charge = Charge(budget, most, await budget.charge(most))
        reading = asyncio.create_task(self._read(budget, charge, text, caller))
        self._under_way.add(reading)
        reading.add_done_callback(self._under_way.discard)
        document, context.reading = await asyncio.shield(reading)
        return document

    async def _read(
        self, budget: Budget, charge: Charge, text: str, caller: Hashable
    ) -> tuple[Document, int]:
        """Read a document and settle its charge; returns what it cost, too."""
        most, used = charge.requested, 0
        try:
            document = await self._documents.read(text, caller)
            is_invalid, tokens = document.is_invalid, document.tokens
            used = self._allowance.points(caller, tokens, is_invalid=is_invalid)
            used = min(used, budget.operation_limit if is_invalid else most)
            self._allowance.take(caller, tokens)
        except NotRead:
            used = most
            raise
        finally:
            charge.settle(min(used, most))
            if used > most:
                budget.refund(most - used)
        return document, used
