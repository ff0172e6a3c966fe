"""What reading a new document costs.

A caller's few new documents cost a quarter of what reading takes: a frontend has some, and each is
read once. Many of them, and invalid ones, cost more than it takes, some 0.04 ms of CPU for a token.
"""

from collections.abc import Hashable
from time import monotonic

from graph.cost.prices import FREE_TOKENS, POINTS_PER_TOKEN, TOKENS_PER_POINT
from runtime.bounded_map import LruMap

ALLOWANCE = 2000
"""Tokens that a caller may have read in a burst before it pays for each."""
_REGAINED_PER_S = 50.0
_MAX_CALLERS = 10_000


class ReadingAllowance:
    """The tokens that each caller may still have read at the low price."""

    def __init__(self) -> None:
        self._left = LruMap[Hashable, tuple[float, float]](_MAX_CALLERS)

    def points(self, caller: Hashable, tokens: int, *, is_invalid: bool = False) -> int:
        """Compute what it costs the caller now to have a document of `tokens` read."""
        if is_invalid:
            return tokens * POINTS_PER_TOKEN
        beyond = tokens - self._tokens_left(caller)
        within = max(0, tokens - FREE_TOKENS) // TOKENS_PER_POINT
        return max(within, int(beyond * POINTS_PER_TOKEN))

    def take(self, caller: Hashable, tokens: int) -> None:
        """Count tokens that were read."""
        left = max(0.0, self._tokens_left(caller) - tokens)
        self._left.keep(caller, (left, monotonic()))

    def _tokens_left(self, caller: Hashable) -> float:
        left, as_of = self._left.find(caller) or (float(ALLOWANCE), 0.0)
        return min(ALLOWANCE, left + _REGAINED_PER_S * (monotonic() - as_of))
