"""The statements that an operation ran: how often each, for how long, and with which values."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

_MOST = 64
"""Texts that are told apart. Further ones are counted."""


@dataclass(eq=False, slots=True)
class RanStatement:
    """One text. `values` are those of the run that took longest, by reference."""

    text: str
    times: int = 0
    seconds: float = 0.0
    longest_s: float = -1.0
    values: Sequence[Any] = ()


class RunOfStatement:
    """One run of a statement, under way until `end`."""

    __slots__ = ("_began", "_of", "_under_way", "_values")

    def __init__(
        self, of: RanStatement, values: Sequence[Any], under_way: "set[RunOfStatement]"
    ) -> None:
        self._of, self._values, self._under_way = of, values, under_way
        self._began = monotonic()
        under_way.add(self)

    def end(self) -> None:
        """Note its time. A second call does nothing."""
        if self in self._under_way:
            self._under_way.discard(self)
            took_s = monotonic() - self._began
            self._of.seconds += took_s
            if took_s > self._of.longest_s:
                self._of.longest_s, self._of.values = took_s, self._values


class RanStatements:
    """What one operation ran so far."""

    __slots__ = ("_by_text", "_under_way", "left_out")

    def __init__(self) -> None:
        self._by_text: dict[str, RanStatement] = {}
        self._under_way: set[RunOfStatement] = set()
        self.left_out = 0
        """How often statements ran that are not told apart."""

    def begin(self, text: str, values: Sequence[Any]) -> RunOfStatement:
        """Begin a run, which its caller ends, also where it fails."""
        ran = self._by_text.get(text)
        if ran is None:
            ran = RanStatement(text)
            if len(self._by_text) < _MOST:
                self._by_text[text] = ran
            else:
                self.left_out += 1
        ran.times += 1
        return RunOfStatement(ran, values, self._under_way)

    def by_time(self) -> list[RanStatement]:
        """List them, the one that took longest in all first. What is under way ends."""
        for run in list(self._under_way):
            run.end()
        return sorted(self._by_text.values(), key=lambda each: -each.seconds)
