"""What an operation is charged: its cost before it runs, and back what it did not use."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil
from typing import Any

import orjson

from graph.budget import Budget, BudgetState
from graph.cost import Path, TooExpensive
from graph.cost_directives import MUTATION
from graph.documents import Operation
from graph.scalars import format_instant

TOKENS_PER_POINT = 20
"""Reading a document that is not kept costs a point for so many tokens of it."""

_PUNCTUATION = (b",", b"}", b"]", b"")

logger = logging.getLogger(__name__)


class Charge:
    """One operation's charge. `requested` is what it may cost, `actual` what it did; None while it runs."""

    def __init__(self, budget: Budget, requested: int, state: BudgetState, actual: int | None = None) -> None:
        self._budget, self.requested, self.state, self.actual = budget, requested, state, actual

    def settle(self, actual: int) -> None:
        """Give back what the operation did not use. `actual` may be more than was requested; that is not charged.

        Of what the budget did not cover (COST_MODE=report) nothing was taken, and nothing is given back. Settled again,
        it gives back what is less than before.
        """
        taken = self.requested if self.actual is None else min(self.actual, self.requested)
        self.actual = actual
        if actual < taken and not self.state.retry_after_s:
            self.state = self._budget.refund(taken - actual)

    async def repeat(self, budget: Budget) -> None:
        """Charge the same again, now to `budget`: for one more event of a subscription. Raises BudgetExhausted."""
        self._budget, self.actual = budget, None
        self.state = await budget.charge(self.requested)

    def report(self) -> dict[str, Any]:
        """Make `extensions.cost`."""
        report: dict[str, Any] = orjson.loads(self.report_json())
        return report

    def report_json(self) -> bytes:
        """Make `extensions.cost` as JSON."""
        actual, state = self.requested if self.actual is None else self.actual, self.state
        return b'{"requested":%d,"actual":%d,"limit":%d,"remaining":%d,"resetAt":"%b"}' % (
            self.requested, actual, state.limit, state.remaining, _second(ceil(state.as_of + state.full_in_s)),
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _second(posix_s: int) -> bytes:
    return format_instant(datetime.fromtimestamp(posix_s, UTC)).encode()


def check_limit(budget: Budget, cost: int, path: Path) -> None:
    """Refuse an operation that costs more than one may, most of it at `path`. Raises TooExpensive."""
    if cost > budget.operation_limit:
        error = TooExpensive(cost, budget.operation_limit, path)
        if budget.is_enforced:
            raise error
        logger.warning("an operation would be refused: %s", error)


def objects_in(data: Any) -> int:
    """Count the objects in an answer's data that have members, without its root.

    A null in a list counts, for it was looked for: `nodes` has one where an id leads to nothing.
    """
    pending, found = [data], 0
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            found += bool(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            found += value.count(None)
            pending.extend(value)
    return max(0, found - 1)


def objects_in_json(json: bytes) -> int:
    """Count the objects in JSON that have members, without decoding it.

    An object begins with a brace and a quotation mark. So does the end of a text that ends in a brace, but there the
    mark is followed by punctuation, and a member's name is not.
    """
    find, found = json.find, 0
    at = find(b"{")  # one byte is found far faster than two
    while at >= 0:
        if json.startswith(b'"', at + 1) and json[at + 2 : at + 3] not in _PUNCTUATION:
            found += 1
        at = find(b"{", at + 1)
    return found


def actual_cost(operation: Operation, requested: int, objects: int, mutations: int = 0) -> int:
    """Tell what an operation cost by the objects it answered with: at least 1, if anything was asked for.

    What is asked about the schema costs the same however much it answers.
    """
    if operation.asks_about_schema:
        return requested
    return max(objects + MUTATION * mutations, min(requested, 1))
