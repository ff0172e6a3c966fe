"""Limits of the streams (WebSockets and event streams) and subscriptions that a caller may open."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from graph.errors import CallerError
from settings import Settings
from web.limits.stream_rounds import StreamRounds


class TooManyConnections(CallerError):
    """The caller has the maximum of WebSockets and event streams."""

    code = "TOO_MANY_CONNECTIONS"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You already have {limit} WebSockets and event streams open, which is the maximum. "
            "Close one first."
        )


class TooManySubscriptions(CallerError):
    """The caller, or the connection, has the maximum of subscriptions."""

    code = "TOO_MANY_SUBSCRIPTIONS"

    def __init__(self, limit: int, whose: str) -> None:
        super().__init__(
            f"{whose} {limit} active subscriptions, which is the maximum. Complete one first."
        )


class CallerQuota:
    """Slots of callers, at most `limit` each; `refused` counts the requests beyond."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.refused = 0
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many slots are taken now, by all callers together."""
        return self._taken.total()

    def take(self, caller: str, *, is_limited: bool = True) -> "QuotaSlot | None":
        """Take a slot; None where the caller is limited and has the maximum."""
        if is_limited and self._taken[caller] >= self.limit:
            self.refused += 1
            return None
        self._taken[caller] += 1
        return QuotaSlot(self, caller)

    def leave(self, caller: str) -> None:
        """Free one of a caller's slots."""
        self._taken[caller] -= 1
        if not self._taken[caller]:
            del self._taken[caller]


@dataclass(slots=True, eq=False)
class QuotaSlot:
    """A slot of a caller, freed at the end of a `with` block."""

    quota: CallerQuota
    caller: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.quota.leave(self.caller)

    def move(self, caller: str, *, is_limited: bool = True) -> bool:
        """Count the slot as another caller's, now that the caller is known.

        False where that one has the maximum already.
        """
        other = self.quota.take(caller, is_limited=is_limited)
        if other is None:
            return False
        self.quota.leave(self.caller)
        self.caller = caller
        return True


@dataclass(slots=True, eq=False)
class ConnectionQuota:
    """The subscriptions of one connection, at most `limit`, each counted by a `with` block."""

    limit: int
    taken: int = 0

    def slot(self, *, is_limited: bool = True) -> Self:
        """Get what counts one. Raises TooManySubscriptions."""
        if is_limited and self.taken >= self.limit:
            raise TooManySubscriptions(self.limit, "This connection has")
        return self

    def __enter__(self) -> Self:
        self.taken += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.taken -= 1


class OpenStreams:
    """The open streams and subscriptions of this process.

    `tell` is told how many streams are open, some times a second.
    """

    def __init__(self, settings: Settings, tell: Callable[[int], None]) -> None:
        self.streams = CallerQuota(settings.connections_per_caller)
        self.subscriptions = CallerQuota(settings.subscriptions_per_caller)
        self.rounds = StreamRounds(tell)

    def stream(self, caller: str, *, is_limited: bool = True) -> QuotaSlot:
        """Take a slot for a WebSocket or an event stream. Raises TooManyConnections."""
        slot = self.streams.take(caller, is_limited=is_limited)
        if slot is None:
            raise TooManyConnections(self.streams.limit)
        return slot

    def subscription(self, caller: str, *, is_limited: bool = True) -> QuotaSlot:
        """Take a slot for a subscription. Raises TooManySubscriptions."""
        slot = self.subscriptions.take(caller, is_limited=is_limited)
        if slot is None:
            raise TooManySubscriptions(self.subscriptions.limit, "You have")
        return slot
