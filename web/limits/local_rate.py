"""A rate that this process alone keeps. Times are of the monotonic clock."""


class LocalRate:
    """A token bucket that goes into debt: a caller that took too much waits until it is paid."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, burst: float, per_s: float, now: float) -> None:
        self._burst, self._per_s = burst, per_s
        self._level, self._at = burst, now

    def take(self, amount: float, now: float) -> float:
        """Take `amount`; get the seconds to wait before more is taken, 0 for none."""
        level = self._level + (now - self._at) * self._per_s
        self._level = level = min(level, self._burst) - amount
        self._at = now
        return 0.0 if level >= 0 else -level / self._per_s

    def admits(self, now: float) -> bool:
        """Take 1 if there is so much, and tell so. Without it nothing is taken: no debt grows."""
        level = min(self._level + (now - self._at) * self._per_s, self._burst)
        self._at = now
        is_there = level >= 1
        self._level = level - 1 if is_there else level
        return is_there
