"""Collects what is odd or lost in a file, each kind once with its count."""

from collections import Counter
from collections.abc import Iterable
from unicodedata import category

_MOST_KINDS = 50
_LONGEST = 300  # characters of one message
_NOT_SHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters: controls, halves of others, and ends of lines."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn what follows the other way, beyond the text itself."""


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
    text = "".join(each if _is_shown(each) else " " for each in text[: longest * 2])
    return _cut(" ".join(text.split()), longest)


def words(text: str | None, longest: int = 1_000) -> str | None:
    """Text of a file that is to be stored, such as a name; None where nothing is left."""
    return printable(text, longest) or None if text else None


def paragraphs(text: str | None, longest: int = 10_000) -> str | None:
    """As `words`, with the ends of lines, such as a description. None: it is empty."""
    lines = (text or "")[: longest * 2].splitlines()
    joined = "\n".join(printable(line, longest) for line in lines)
    return _cut(joined.strip(), longest) or None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _is_shown(character: str) -> bool:
    """`str.isprintable` knows neither what joins the parts of an emoji nor the newest of them."""
    return character.isprintable() or (
        category(character) not in _NOT_SHOWN and character not in _TURNS
    )
