"""Writes the JSON of streams into the texts that a statement returned.

In place of an activity's streams, the text has a mark with their stored bytes as base64
(`db/statements/json_sql.py`). Reading them here takes a tenth of what PostgreSQL would take to
write the numbers.
"""

from binascii import a2b_base64
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from time import thread_time
from typing import Any

import orjson

from db.chart_samples import StoredStreams, StreamsRequest
from db.shown_samples import read_ranges
from db.statements.json_sql import MARK, MARK_SEPARATOR
from graph.cache.entry import Answer
from graph.mapping.row_type import source_of
from graph.mapping.streams import (
    POSITIONS,
    ROW_LABELS,
    chosen_samples,
    column_names,
    member_of,
    points_beside,
    streams_request,
)
from graph.plan.query_tree import RequestArguments
from graph.plan.selection import NotPlanned, SelectedField, declared
from graph.scalars import format_floats
from runtime.kept_json import kept_json

_EXACT = 1e15  # below it, a number without decimals is written as a whole one


@dataclass(frozen=True, eq=False)
class Drawing:
    """A field of streams as a document selects it.

    `members` are its fields in order: the JSON of their names, and the members' names or, for
    `__typename`, None.
    """

    selected: SelectedField
    members: tuple[tuple[bytes, str | None], ...]

    @classmethod
    def from_field(cls, selected: SelectedField) -> "Drawing":
        """Make one of a selected field."""
        (fields,) = selected.below.values()
        return cls(
            selected,
            tuple(
                (
                    kept_json(each.response_name),
                    None if each.definition is None else source_of(declared(each)).name,
                )
                for each in fields
            ),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """What the statement has to read."""
        has_position = any(name in {"latitude", "longitude"} for _, name in self.members)
        return (*ROW_LABELS, POSITIONS) if has_position else ROW_LABELS

    def draw(self, stored: StoredStreams, request: StreamsRequest) -> tuple[bytes, int]:
        """Write the streams' JSON. Also returns how many points it costs beside its object."""
        names = [name for _, name in self.members if name is not None]
        chosen = chosen_samples(stored, request, column_names(names))
        if chosen is None:
            return b"null", 0
        (type_name,) = map(orjson.dumps, self.selected.below)
        written = [
            b"%b:%b" % (key, type_name if name is None else _json(member_of(chosen, name)))
            for key, name in self.members
        ]
        return b"{%b}" % b",".join(written), points_beside(chosen)


class DrawnText:
    """A text in which streams are drawn, one after the other."""

    def __init__(self, text: str, drawings: Sequence[Drawing], asked: RequestArguments) -> None:
        begun, *marked = text.split(MARK)
        self._parts, self._points = [begun.encode()], 0
        self._left = deque(marked)
        self._drawings, self._asked = drawings, asked

    @property
    def is_done(self) -> bool:
        return not self._left

    @property
    def answer(self) -> Answer:
        """The whole, once it is done."""
        return Answer(b"".join(self._parts), self._points)

    def go_on(self, most_ms: float = inf) -> float:
        """Draw streams, at least one, for some `most_ms` of CPU; returns how many it took.

        Raises NotPlanned for samples that have to be fetched first: few charts are of so old runs,
        and then of more points than levels have.
        """
        began_s = thread_time()
        while self._left:
            self._draw_next()
            if 1000 * (thread_time() - began_s) >= most_ms:
                break
        return 1000 * (thread_time() - began_s)

    def _draw_next(self) -> None:
        number, sample_count, shown, samples, marks, positions, rest = self._left.popleft().split(
            MARK_SEPARATOR
        )
        if not samples:  # they are in a file
            raise NotPlanned("samples elsewhere")
        drawing = self._drawings[int(number)]
        stored = StoredStreams(
            int(sample_count),
            a2b_base64(samples),
            a2b_base64(marks) if marks else None,
            a2b_base64(positions) if positions else None,
            read_ranges(shown),
        )
        request = streams_request(self._asked.arguments[drawing.selected])
        json, found = drawing.draw(stored, request)
        self._parts += [json, rest.encode()]
        self._points += found


def _json(value: Any) -> bytes:
    """Write a member's JSON, as graphql-core and `format_floats` do."""
    if not isinstance(value, list) or not value:
        return orjson.dumps(value)
    numbers = [each for each in value if each is not None]
    if numbers and not (max(numbers) < _EXACT and min(numbers) > -_EXACT):
        return orjson.dumps(format_floats(value))
    return orjson.dumps(value).replace(b".0,", b",").replace(b".0]", b"]")
