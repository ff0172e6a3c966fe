"""Pauses before retrying work that failed with a transient error: none, then a moment.

A restart of PostgreSQL takes a few tenths of a second, a failover what DATABASE_FAILOVER_S says,
and a deadlock ends when one of its transactions is rolled back. After one caller has used up its
retries, others fail at once until something succeeds, so callers do not queue up behind a database
that stays away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from db.errors import DatabaseError

_PAUSES_S = (0.0, 0.05, 0.15, 0.4)
"""Pauses before the retries; their sum is enough for a quick restart."""
_HOPELESS_S = 2.0
"""How long other callers retry only once after all retries of one caller failed."""


@dataclass(slots=True)
class RetryPolicy:
    """The retries of one process, for `patience_s` seconds each time.

    `retries` counts them since the process started.
    """

    patience_s: float
    retries: int = 0
    _hopeless_until: float = 0.0

    def pauses_s(self) -> Iterator[float]:
        """Yield the pauses before retries, in seconds; only the first while the database is away.

        When they are used up, the database counts as away.
        """
        for pause_s in self._pauses_s():
            if pause_s and monotonic() < self._hopeless_until:
                return
            self.retries += 1
            yield pause_s
        self._hopeless_until = monotonic() + _HOPELESS_S

    def _pauses_s(self) -> Iterator[float]:
        until = monotonic() + self.patience_s
        yield from _PAUSES_S
        while monotonic() < until:
            yield _PAUSES_S[-1]

    def succeeded(self) -> None:
        """Record that the database answers."""
        self._hopeless_until = 0.0


def is_worth_another_try(error: Exception) -> bool:
    """Whether the same work may succeed if it is done again, and does nothing twice."""
    return isinstance(error, DatabaseError) and error.is_transient and error.is_written is False
