"""Bounds the memory of a caller's requests in progress: those that run, wait, or are subscriptions.

A request is kept until its operation ends, with its variables. A few bytes of JSON may become many
of objects, so a request weighs what these may take.
"""

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from web.errors import HttpRefusal

FREE_BYTES = 8 * 1024
"""A request that weighs no more is not counted: WAITING_OPERATIONS bounds those."""
_PER_VALUE = 120
"""Bytes of an object, list or text in Python, apart from its characters."""
_READING_PER_VALUE = 16
"""Bytes that take as long to read as a list, an object or a comma does: 0.1 µs, and to check it."""
_WIDEST = 4
"""Bytes of a character in Python, where one of a text is not of the basic plane."""
_LEAST_BYTES = 8 * 2**20
"""What the requests of a caller may weigh together, unless the settings allow many subscriptions."""
PER_OPERATION = 4 * 1024
"""Bytes of an operation of a WebSocket, apart from its message. Requests have a connection each, of
which there are few; a WebSocket has up to a hundred operations at once.
"""
_PER_SUBSCRIPTION = 4 * PER_OPERATION


_FREE = nullcontext()


class TooMuchInProgress(HttpRefusal):
    """The caller's requests in progress take too much memory."""

    status, code = 429, "TOO_MANY_OPERATIONS"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__(
            "Your operations in progress have too many variables. Wait for answers before you send "
            "more.",
            headers={"retry-after": str(self.retry_after_s)},
        )


def separators(text: bytes | str) -> int:
    """Count what separates the values of JSON, also where it stands in texts."""
    if isinstance(text, bytes):
        return text.count(b",") + text.count(b"[") + text.count(b"{")
    return text.count(",") + text.count("[") + text.count("{")


def reading_size(text: bytes | str) -> int:
    """Get the bytes that reading JSON counts as: its own, and some for each value."""
    return len(text) + _READING_PER_VALUE * separators(text)


def size_beside(size: int, document: str) -> int:
    """Get the `reading_size` of a request without what its document's punctuation counts as."""
    return size - _READING_PER_VALUE * separators(document)


def weight_of(text: bytes | str) -> int:
    """Estimate the bytes of memory that JSON takes, once it is read."""
    size = len(text) if text.isascii() else _WIDEST * len(text)
    return size + _PER_VALUE * separators(text)


class RequestWeights:
    """The weights of requests in progress, of each caller of this process."""

    def __init__(self, subscriptions: int = 0) -> None:
        """Make the bound; a caller may have so many `subscriptions`, whose documents are long."""
        self._most = max(_LEAST_BYTES, subscriptions * _PER_SUBSCRIPTION)
        self._held = Counter[str]()
        self.refused = 0
        """How many requests were refused, since the process started."""

    def held(self, caller: str, weight: int, *, is_limited: bool) -> AbstractContextManager[object]:
        """Count a request until the block ends. Raises TooMuchInProgress."""
        if weight <= FREE_BYTES:
            return _FREE
        self.take(caller, weight, is_limited=is_limited)
        return _HeldWeight(self, caller, weight)

    def take(self, caller: str, weight: int, *, is_limited: bool) -> None:
        """Count a request until `give_back`. Raises TooMuchInProgress."""
        # The heaviest body alone may weigh more than the bound: it counts half of it at most here.
        if is_limited and self._held[caller] + min(weight, self._most // 2) > self._most:
            self.refused += 1
            raise TooMuchInProgress
        self._held[caller] += weight

    def give_back(self, caller: str, weight: int) -> None:
        """Count a request as ended."""
        self._held[caller] -= weight
        if not self._held[caller]:
            del self._held[caller]


@dataclass(slots=True, eq=False)
class _HeldWeight(AbstractContextManager[None]):
    """What a request weighs, given back at the end of a `with` block."""

    weights: RequestWeights
    caller: str
    weight: int

    def __exit__(self, *_: object) -> None:
        self.weights.give_back(self.caller, self.weight)
