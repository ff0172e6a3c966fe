"""The cache's entries in this process."""

from graph.cache.entry import CacheEntry
from graph.cache.key import CacheKey
from runtime.bounded_map import WeightedLru

_LARGEST_SHARE = 4
"""An entry takes at most a quarter of the room."""
_ENTRY_BYTES = 400
"""Approximate size of an entry without its body and its variables."""


class MemoryTier:
    """Entries of at most `limit_bytes` together. The least recently used are dropped first."""

    def __init__(self, limit_bytes: int) -> None:
        self._largest = limit_bytes // _LARGEST_SHARE
        self._entries = WeightedLru[CacheKey, CacheEntry](limit_bytes, _size)
        self.evictions = 0
        """How many entries were dropped for others since the process started."""

    @property
    def bytes(self) -> int:
        """Approximate size of the entries."""
        return self._entries.weight

    def find(self, key: CacheKey) -> CacheEntry | None:
        """Get an entry, current or not; None where there is none."""
        return self._entries.find(key)

    def keep(self, key: CacheKey, entry: CacheEntry) -> None:
        """Add or replace an entry. One that is too large is not kept."""
        if _size(key, entry) > self._largest:
            self._entries.remove(key)
        else:
            self.evictions += len(self._entries.keep(key, entry))


def _size(key: CacheKey, entry: CacheEntry) -> int:
    """Variables count too: they may be longer than the answer."""
    return len(entry.body) + len(key.variables) + _ENTRY_BYTES
