"""What was sent of an answer, which of its parts are announced, and what is held back."""

from typing import Any

from graph.delivery.answer_data import AnswerPath, places, value_at, without
from graph.delivery.parts import AnswerPart, SplitOperation
from graph.delivery.writer import PartsWriter, PendingPart


class SentAnswer:
    """The data that was sent so far, and the `points` of streams in it.

    `data` is None until the first part is there. It may have members of the name `hidden`, which
    are not sent.
    """

    def __init__(self) -> None:
        self.data: Any = None
        self.points = 0
        self.hidden: str | None = None

    def visible(self, value: Any) -> Any:
        """Get a value as it is sent."""
        return value if self.hidden is None else without(self.hidden, value)


class AnnouncedParts:
    """The places of an answer where a split operation's parts belong."""

    def __init__(self, answer: SentAnswer, split: SplitOperation, writer: PartsWriter) -> None:
        self._answer, self._split, self._writer = answer, split, writer
        answer.hidden = split.hidden if split.has_hidden else None
        self._pending: dict[tuple[AnswerPart, AnswerPath], PendingPart] = {}
        self._done: set[AnswerPart] = set()
        self._held: dict[tuple[AnswerPart, AnswerPath], list[Any]] = {}
        self._cut: set[tuple[AnswerPart, AnswerPath]] = set()
        self._whole: set[tuple[AnswerPart, AnswerPath]] = set()
        self._failed: list[AnswerPath] = []

    def of(self, part: AnswerPart) -> list[PendingPart]:
        """List where a part is announced."""
        return [pending for (each, _), pending in self._pending.items() if each is part]

    def finish(self, part: AnswerPart) -> None:
        """Note that a part was sent: those inside it may be announced."""
        self._done.add(part)

    def fail(self, pending: PendingPart) -> None:
        """Note that a part has no data at a place: what is inside is not announced there."""
        self._failed.append(pending.path)

    def take_held(self, part: AnswerPart, path: AnswerPath) -> list[Any]:
        """Get the entries of a list that were held back."""
        return self._held.pop((part, path))

    def note_lists(self, parent: AnswerPart) -> None:
        """Note the lists that are there before a fragment adds any: they are sent wholly."""
        for part in self._split.parts:
            if part.first is not None and part.parent is parent:
                self._whole |= {(part, path) for path in self._places(part)}

    def hold_back(self) -> None:
        """Cut the lists that are new to what is sent of them at once."""
        for part in self._split.parts:
            if part.first is None or not self._is_due(part):
                continue
            for path in self._places(part):
                key = (part, path)
                if key in self._cut or key in self._whole:
                    continue
                self._cut.add(key)
                entries = value_at(self._answer.data, path)
                if len(entries) > part.first:
                    self._held[key] = entries[part.first :]
                    del entries[part.first :]

    def announce(self) -> list[PendingPart]:
        """Announce all parts that have a place now and had none before."""
        found = []
        for part in self._split.parts:
            if not self._is_due(part) or part in self._done:
                continue
            for path in self._places(part):
                key = (part, path)
                if key in self._pending or self._has_failed(path):
                    continue
                if part.first is not None and not self._may_go_on(part, path):
                    continue
                pending = self._writer.announce(path, part.label, part.first)
                self._pending[key] = pending
                found.append(pending)
        return found

    def _may_go_on(self, part: AnswerPart, path: AnswerPath) -> bool:
        """Whether a list has, or may have, entries beyond those that are sent at once."""
        if part.operation is None:
            return (part, path) in self._held
        is_new = (part, path) not in self._whole
        return is_new and len(value_at(self._answer.data, path)) == part.first

    def _places(self, part: AnswerPart) -> list[AnswerPath]:
        return list(places(self._answer.data, part, self._split.hidden))

    def _is_due(self, part: AnswerPart) -> bool:
        return part.parent is None or part.parent in self._done

    def _has_failed(self, path: AnswerPath) -> bool:
        return any(path[: len(each)] == each for each in self._failed)
