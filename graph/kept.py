"""Mappings of bounded size."""

from collections import OrderedDict
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Kept(OrderedDict[Any, Any]):
    """A mapping of bounded size: reading keeps an entry alive, the one not read for longest goes first."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def find(self, key: Any) -> Any:
        """Get an entry, None where there is none."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def keep(self, key: Any, value: Any) -> None:
        self[key] = value
        if len(self) > self._limit:
            self.popitem(last=False)


class KeptTexts(Generic[Value]):
    """Values by text, of so many characters together; the one not found for longest goes first.

    A quarter is for texts that were never found again: however many new ones come, those in use stay.
    """

    def __init__(self, characters: int) -> None:
        self._fresh = _Segment[Value](characters // 4)
        self._used = _Segment[Value](characters - characters // 4)

    def find(self, text: str) -> Value | None:
        found = self._used.get(text)
        if found is not None:
            self._used.move_to_end(text)
            return found
        found = self._fresh.take(text)
        if found is not None:
            for dropped in self._used.put(text, found):
                self._fresh.put(*dropped)
        return found

    def keep(self, text: str, value: Value) -> None:
        """Keep a value whose text is not here yet."""
        self._fresh.put(text, value)


class _Segment(OrderedDict[str, Value], Generic[Value]):
    def __init__(self, characters: int) -> None:
        super().__init__()
        self._left = characters

    def put(self, text: str, value: Value) -> list[tuple[str, Value]]:
        """Add an entry, and get those that had to go for it."""
        self[text] = value
        self._left -= len(text)
        dropped = []
        while self._left < 0:
            oldest, gone = self.popitem(last=False)
            self._left += len(oldest)
            dropped.append((oldest, gone))
        return dropped

    def take(self, text: str) -> Value | None:
        """Remove an entry and get it."""
        found = self.pop(text, None)
        if found is not None:
            self._left += len(text)
        return found
