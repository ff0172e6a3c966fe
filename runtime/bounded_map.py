"""Mappings of bounded size that drop what was not used for longest."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LruMap(OrderedDict[Key, Value]):
    """A mapping of at most `limit` entries: the least recently used one is dropped first."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def find(self, key: Key) -> Value | None:
        """Get an entry and mark it as used. None where there is none."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def keep(self, key: Key, value: Value) -> None:
        self[key] = value
        if len(self) > self._limit:
            self.popitem(last=False)


class WeightedLru(Generic[Key, Value]):
    """A mapping with entries that weigh at most `limit` together.

    The least recently used entries are dropped first. An entry weighs what it did when it was kept
    or last weighed.
    """

    def __init__(self, limit: int, weigh: Callable[[Key, Value], int]) -> None:
        self._limit, self._weigh = limit, weigh
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._weights: dict[Key, int] = {}
        self.weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    def __contains__(self, key: object) -> bool:
        """Tell whether an entry is here, at once however many there are; it is not marked as used."""
        return key in self._entries

    def find(self, key: Key) -> Value | None:
        """Get an entry and mark it as used. None where there is none."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, key: Key, value: Value) -> list[tuple[Key, Value]]:
        """Add or replace an entry. Returns the entries that this drops, perhaps itself."""
        self.remove(key)
        self._entries[key] = value
        return self._set_weight(key, self._weigh(key, value))

    def weigh_again(self, key: Key) -> list[tuple[Key, Value]]:
        """Weigh an entry that has grown, if there is one. Returns the entries that this drops."""
        if key not in self._entries:
            return []
        return self._set_weight(key, self._weigh(key, self._entries[key]))

    def remove(self, key: Key) -> Value | None:
        """Remove an entry and return it. None where there was none."""
        found = self._entries.pop(key, None)
        if found is not None:
            self.weight -= self._weights.pop(key)
        return found

    def _set_weight(self, key: Key, weight: int) -> list[tuple[Key, Value]]:
        self.weight += weight - self._weights.get(key, 0)
        self._weights[key] = weight
        dropped = []
        while self.weight > self._limit:
            oldest, gone = self._entries.popitem(last=False)
            self.weight -= self._weights.pop(oldest)
            dropped.append((oldest, gone))
        return dropped


def _length(text: str, _: object) -> int:
    return len(text)


class SegmentedLru(Generic[Value]):
    """Values by text, which weigh at most `limit` together: by default, the texts' characters.

    A quarter of the room is for texts that were never found again, so that new ones, however many,
    do not displace those in use.
    """

    def __init__(self, limit: int, weigh: Callable[[str, Value], int] = _length) -> None:
        new = limit // 4
        self._new = WeightedLru[str, Value](new, weigh)
        self._used = WeightedLru[str, Value](limit - new, weigh)
        self._idle: set[str] = set()
        self.dropped = 0
        """How many values were dropped for others since the process started."""

    @property
    def weight(self) -> int:
        """The weight of all values."""
        return self._new.weight + self._used.weight

    def __len__(self) -> int:
        return len(self._new) + len(self._used)

    def find(self, text: str) -> Value | None:
        """Get a value, or None. The first time it moves to the entries in use."""
        if self._idle:
            self._idle.discard(text)
        found = self._used.find(text)
        if found is not None:
            return found
        found = self._new.remove(text)
        if found is not None:
            self._demote(self._used.keep(text, found))
        return found

    def keep(self, text: str, value: Value) -> None:
        """Add a value with a text that is not here yet."""
        self.dropped += len(self._new.keep(text, value))

    def weigh_again(self, text: str) -> None:
        """Weigh a value that has grown, if it is still here."""
        self._demote(self._used.weigh_again(text))
        self.dropped += len(self._new.weigh_again(text))

    def drop_idle(self) -> int:
        """Drop what was not found since the last call, and return how many values that were."""
        for text in self._idle:
            self._used.remove(text)
            self._new.remove(text)
        dropped, self._idle = len(self._idle), {*self._new, *self._used}
        return dropped

    def _demote(self, values: list[tuple[str, Value]]) -> None:
        for each in values:
            self.dropped += len(self._new.keep(*each))
