"""Who is connected: the streams (WebSockets and event streams) and subscriptions of this process, counted by caller."""

from collections import Counter
from dataclasses import dataclass
from typing import Self

from graph.errors import CallerError
from settings import Settings


class TooManyConnections(CallerError):  # noqa: N818 - the name says what is the case; so below
    """The caller has as many WebSockets and event streams as one may have."""

    code = "TOO_MANY_CONNECTIONS"

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have {limit} WebSockets and event streams open, and no more may be. Close one first.")


class TooManySubscriptions(CallerError):  # noqa: N818
    """The caller, or the connection, has as many subscriptions as it may have."""

    code = "TOO_MANY_SUBSCRIPTIONS"

    def __init__(self, limit: int, whose: str) -> None:
        super().__init__(f"{whose} {limit} subscriptions under way, and no more may be. Complete one first.")


class Places:
    """Places that callers take, at most `limit` each; `refused` counts those who found none."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.refused = 0
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are taken now, by all callers together."""
        return self._taken.total()

    def take(self, caller: str, *, is_limited: bool = True) -> "Place | None":
        """Take a place; None where the caller is limited and has as many as they may."""
        if is_limited and self._taken[caller] >= self.limit:
            self.refused += 1
            return None
        self._taken[caller] += 1
        return Place(self, caller)

    def leave(self, caller: str) -> None:
        """Free one of a caller's places."""
        self._taken[caller] -= 1
        if not self._taken[caller]:
            del self._taken[caller]


@dataclass(slots=True, eq=False)
class Place:
    """One caller's place, freed at the end of a `with` block."""

    places: Places
    caller: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.places.leave(self.caller)

    def move(self, caller: str, *, is_limited: bool = True) -> bool:
        """Count the place as another caller's: who has it is known only now. False where they have no place left."""
        other = self.places.take(caller, is_limited=is_limited)
        if other is None:
            return False
        self.places.leave(self.caller)
        self.caller = caller
        return True


class Connections:
    """All that is open in this process."""

    def __init__(self, settings: Settings) -> None:
        self.streams = Places(settings.connections_per_caller)
        self.subscriptions = Places(settings.subscriptions_per_caller)

    def stream(self, caller: str, *, is_limited: bool = True) -> Place:
        """Take a place for a WebSocket or an event stream. Raises TooManyConnections."""
        place = self.streams.take(caller, is_limited=is_limited)
        if place is None:
            raise TooManyConnections(self.streams.limit)
        return place

    def subscription(self, caller: str, *, is_limited: bool = True) -> Place:
        """Take a place for a subscription. Raises TooManySubscriptions."""
        place = self.subscriptions.take(caller, is_limited=is_limited)
        if place is None:
            raise TooManySubscriptions(self.subscriptions.limit, "You have")
        return place
