"""Collects what is odd or lost in a file, each kind once with its count."""

from collections import Counter
from collections.abc import Iterable

_MOST_KINDS = 50
_LONGEST = 300  # characters of one message


class ProblemList:
    """Messages in order of first appearance; those of one kind are counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, message: str, times: int = 1) -> None:
        message = printable(message)
        if message in self._counts or len(self._counts) < _MOST_KINDS:
            self._counts[message] += times

    def extend(self, messages: Iterable[str]) -> None:
        for message in messages:
            self.add(message)

    def messages(self) -> tuple[str, ...]:
        return tuple(
            message if count == 1 else f"{message} ({count} times)"
            for message, count in self._counts.items()
        )


def printable(text: str, longest: int = _LONGEST) -> str:
    """Text of a file for one line of a report: no control characters, of bounded length."""
    text = "".join(each if each.isprintable() else " " for each in text[: longest * 2])
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def words(text: str | None, longest: int = 1_000) -> str | None:
    """Text of a file that is to be stored, such as a name; None where nothing is left."""
    return printable(text, longest) or None if text else None
