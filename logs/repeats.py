"""Bounds lines of the same kind, so that no one can fill a disk by causing them."""

from collections.abc import Hashable
from time import monotonic

_BURST = 20
_PER_S = 1.0


class Repeats:
    """Lets 20 lines of a kind through at once, then one a second, and counts the others."""

    def __init__(self) -> None:
        self._levels: dict[Hashable, tuple[float, float]] = {}
        self._held_back: dict[Hashable, int] = {}
        self.total = 0
        """How many lines were left out, since the process started."""

    def admit(self, kind: Hashable) -> int | None:
        """Admit a line; returns how many of its kind were left out before, None to leave it out.

        There may be only so many kinds as the code has: they are kept.
        """
        now = monotonic()
        level, at = self._levels.get(kind, (_BURST, now))
        level = min(_BURST, level + (now - at) * _PER_S)
        if level < 1:
            self._levels[kind] = level, now
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            self.total += 1
            return None
        self._levels[kind] = level - 1, now
        return self._held_back.pop(kind, 0)
