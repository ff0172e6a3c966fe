"""Bounds the answers that wait in this process because a caller's clients have not read others.

What a connection was given is counted by its address (`web/http/address_bounds.py`). Answers of
streams wait before that, one after the other, and so do the parts of an answer.
"""

from collections import Counter


class UnreadAnswers:
    """The bytes that wait, of each caller of this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = Counter[str]()

    def add(self, caller: str, size: int) -> bool:
        """Count an answer that waits, until `remove`. False: the caller has too much, but for one."""
        waiting = self._waiting[caller]
        self._waiting[caller] = waiting + size
        return not waiting or waiting + size <= self._most

    def remove(self, caller: str, size: int) -> None:
        """Count an answer as sent, or dropped."""
        self._waiting[caller] -= size
        if self._waiting[caller] <= 0:
            del self._waiting[caller]
