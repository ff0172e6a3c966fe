"""How many downloads of archives and originals are under way at once in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from web.errors import HttpRefusal


class TooManyDownloads(HttpRefusal):
    status, code = 503, "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__(
            "Too many downloads are under way (EXPORTS_AT_ONCE). Try again in a moment.",
            headers={"retry-after": "5"},
        )


class DownloadSlots:
    """At most `most` downloads."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one. Raises TooManyDownloads."""
        if self._free <= 0:
            raise TooManyDownloads
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
