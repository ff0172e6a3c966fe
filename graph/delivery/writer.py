"""Writes the parts of an answer as clients know them.

There are two forms. `BY_ID` is that of the present draft of incremental delivery, which
graphql-js 17 has and Apollo's `GraphQL17Alpha9Handler` reads: a part is announced as `pending`,
adds by its id what was not sent before, and is `completed`. `BY_PATH` is the draft of 2022-08-24,
which Relay and Apollo's `Defer20220824Handler` read: each fragment comes as a whole, by its path
and label.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import orjson

from graph.delivery.answer_data import AnswerPath

FormattedErrors = list[Any]


class PartsForm(Enum):
    """How the parts of an answer are written."""

    BY_ID = "by id"
    BY_PATH = "by path"


@dataclass(eq=False, slots=True)
class PendingPart:
    """A part that was announced: the path of its object or list.

    `sent` is how many entries of a list were sent, None for a fragment. `is_whole`: its whole data
    comes when it is completed, for readers that know no ids. `entries` are what it added so far.
    """

    id: str
    path: AnswerPath
    label: str | None = None
    sent: int | None = None
    is_whole: bool = False
    entries: "list[PartEntry]" = field(default_factory=list)


@dataclass(slots=True)
class PartEntry:
    """Members of an object, or `count` entries of a list, that a part adds below its path."""

    pending: PendingPart
    data: Any
    sub_path: AnswerPath = ()
    count: int = 0
    errors: FormattedErrors = field(default_factory=list)


@dataclass(slots=True)
class Completed:
    """The end of a part. With errors it added nothing, or not all. `whole` is a fragment's data."""

    pending: PendingPart
    errors: FormattedErrors = field(default_factory=list)
    whole: Any = None


@dataclass(slots=True)
class PartPayload:
    """What is sent at once. `data` is that of the first one."""

    data: Any = None
    errors: FormattedErrors = field(default_factory=list)
    pending: list[PendingPart] = field(default_factory=list)
    entries: list[PartEntry] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)


Send = Callable[[bytes, bool], None]
"""Takes the JSON of a payload, and whether more will follow. It does not wait for the client."""


class PartsWriter:
    """Writes the payloads of one answer. `extensions` are made for the last one."""

    def __init__(self, form: PartsForm, send: Send, extensions: Callable[[], Any]) -> None:
        self._form, self._send, self._extensions = form, send, extensions
        self._open: dict[str, PendingPart] = {}
        self.has_begun = False
        self._announced = 0

    @property
    def open(self) -> list[PendingPart]:
        """The parts that are announced and not completed."""
        return list(self._open.values())

    def announce(
        self, path: AnswerPath, label: str | None, sent: int | None = None, *, is_whole: bool = True
    ) -> PendingPart:
        """Give a part an id. It has to be in the next payload."""
        made = PendingPart(str(self._announced), path, label, sent, is_whole)
        self._announced += 1
        self._open[made.id] = made
        return made

    def write(self, payload: PartPayload) -> None:
        """Send a payload. It is the last one if no part is open after it."""
        for each in payload.completed:
            del self._open[each.pending.id]
        has_next = bool(self._open)
        written: dict[str, Any] = {}
        if not self.has_begun:
            written["data"] = payload.data
        if payload.errors:
            written["errors"] = payload.errors
        written |= _by_id(payload) if self._form is PartsForm.BY_ID else _by_path(payload)
        if not has_next:
            written["extensions"] = self._extensions()
        if has_next or self.has_begun:  # a single one is a response as any other
            written["hasNext"] = has_next
        self.has_begun = True
        self._send(orjson.dumps(written), has_next)

    def fail(self, errors: FormattedErrors) -> None:
        """End all parts that are open with errors."""
        completed = [
            Completed(each, [{"path": list(each.path), **error} for error in errors])
            for each in self.open
        ]
        if completed:
            self.write(PartPayload(completed=completed))


def _by_id(payload: PartPayload) -> dict[str, Any]:
    pending = [{"id": each.id, "path": each.path, **_labelled(each)} for each in payload.pending]
    incremental = [
        {
            "id": each.pending.id,
            **({"subPath": each.sub_path} if each.sub_path else {}),
            "data" if each.pending.sent is None else "items": each.data,
            **_with_errors(each.errors),
        }
        for each in payload.entries
    ]
    completed = [{"id": each.pending.id, **_with_errors(each.errors)} for each in payload.completed]
    named = {"pending": pending, "incremental": incremental, "completed": completed}
    return {name: list_ for name, list_ in named.items() if list_}


def _by_path(payload: PartPayload) -> dict[str, Any]:
    incremental: list[dict[str, Any]] = []
    for entry in payload.entries:
        pending = entry.pending
        if pending.sent is not None:
            at = (*pending.path, pending.sent)
            pending.sent += entry.count
            incremental.append(_at(at, pending, "items", entry.data, entry.errors))
        else:  # what a fragment belongs to may be completed in the same payload, before it
            pending.entries.append(entry)
    for each in payload.completed:
        pending = each.pending
        if pending.sent is not None:
            if each.errors:
                at = (*pending.path, pending.sent)
                incremental.append(_at(at, pending, "items", None, each.errors))
        elif each.errors:
            incremental.append(_at(pending.path, pending, "data", None, each.errors))
        elif pending.is_whole:
            errors = [error for entry in pending.entries for error in entry.errors]
            incremental.append(_at(pending.path, pending, "data", each.whole, errors))
        else:
            for entry in pending.entries:
                at = (*pending.path, *entry.sub_path)
                incremental.append(_at(at, pending, "data", entry.data, entry.errors))
    return {"incremental": incremental} if incremental else {}


def _at(
    path: AnswerPath, pending: PendingPart, name: str, data: Any, errors: Sequence[Any]
) -> dict[str, Any]:
    return {name: data, "path": path, **_labelled(pending), **_with_errors(errors)}


def _labelled(pending: PendingPart) -> dict[str, Any]:
    return {} if pending.label is None else {"label": pending.label}


def _with_errors(errors: Sequence[Any]) -> dict[str, Any]:
    return {"errors": errors} if errors else {}
