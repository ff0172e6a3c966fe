"""Bounds the memory of a caller's requests in progress: those that run, wait, or are subscriptions.

A request is kept until its operation ends, with its variables. A few bytes of JSON may become many
of objects, so a request weighs what these may take.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from web.errors import HttpRefusal

FREE_BYTES = 8 * 1024
"""A request that weighs no more is not counted: WAITING_OPERATIONS bounds those."""
_PER_VALUE = 120
"""Bytes of an object, list or text in Python, apart from its characters."""
_WIDEST = 4
"""Bytes of a character in Python, where one of a text is not of the basic plane."""
_MOST_BYTES = 16 * 2**20


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


def weight_of(text: bytes | str) -> int:
    """Estimate the bytes of memory that JSON takes, once it is read."""
    size = len(text) if text.isascii() else _WIDEST * len(text)
    return size + _PER_VALUE * separators(text)


class RequestWeights:
    """The weights of requests in progress, of each caller of this process."""

    def __init__(self) -> None:
        self._held = Counter[str]()
        self.refused = 0
        """How many requests were refused, since the process started."""

    @contextmanager
    def held(self, caller: str, weight: int, *, is_limited: bool) -> Iterator[None]:
        """Count a request while the block runs. Raises TooMuchInProgress."""
        if weight <= FREE_BYTES:
            yield
            return
        if is_limited and self._held[caller] + weight > _MOST_BYTES:
            self.refused += 1
            raise TooMuchInProgress
        self._held[caller] += weight
        try:
            yield
        finally:
            self._held[caller] -= weight
            if not self._held[caller]:
                del self._held[caller]
