"""Reads documents that are new to the server, and has their callers pay for it."""

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

    async def read(self, context: Context, text: str) -> Document:
        """Read a document, valid or not.

        Reading is the work, so the most it may cost is charged before, and the rest refunded.
        Raises BudgetExhausted, TooBusy.
        """
        budget, caller = context.budget(), context.caller_key
        most = self._allowance.points(caller, self._documents.most_tokens(text))
        most = min(most, budget.operation_limit)
        charge, used = Charge(budget, most, await budget.charge(most)), 0
        try:
            document = await self._documents.read(text, caller)
            used = min(self._allowance.points(caller, document.tokens), most)
            self._allowance.take(caller, document.tokens)
        except NotRead:
            used = most
            raise
        finally:
            charge.settle(used)
        context.reading = used
        return document
