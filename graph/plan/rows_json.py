"""Writes the JSON of rows into the texts that a statement returned.

In place of a list, the text has a mark with the values of its rows as JSON, those that are kept
with the rows and others (`db/statements/listed_row.py`). To put them between the names of the
fields here takes a quarter of what PostgreSQL takes for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from db.statements.json_sql import ROWS, ROWS_BEGIN, ROWS_END, KeptValue, Literal, Part, Value
from db.statements.listed_row import VALUE_SEPARATOR
from graph.cost.object_count import count_objects_in_json

_ITEM_BYTES = 90


@dataclass(frozen=True, eq=False)
class RowsWriter:
    """Writes the rows of one list.

    A row has `width` values. `between` are the texts before each of those that are written, each
    with a place for the value behind it; the first ends the row before. `places` are theirs.
    `adds_values`: not all of them are kept, and those may contain objects.
    """

    width: int
    places: tuple[int, ...]
    between: list[str]
    begun: str
    ended: str
    adds_values: bool

    @classmethod
    def from_parts(cls, parts: Sequence[Part], kept: int) -> "RowsWriter":
        """Make one of a row's parts. `kept` values come before those that the statement adds."""
        texts, places, width = [""], [], kept
        for part in parts:
            if isinstance(part, Literal):
                texts[-1] += part.json
                continue
            places.append(part.place if isinstance(part, KeptValue) else width)
            width += isinstance(part, Value)
            texts.append("")
        first, *others, ended = texts
        between = [f"{ended},{first}", ""]
        for text in others:
            between += [text, ""]
        is_more = width > kept
        return cls(width, tuple(places), between, f"[{first}", f"{ended}]", is_more)

    @property
    def bytes(self) -> int:
        """Approximate size."""
        return sum(map(len, self.between)) + _ITEM_BYTES * len(self.between)

    @cached_property
    def objects(self) -> int:
        """How many objects of a row are in its own texts, not in values."""
        return sum([each.count('{"') for each in self.between])

    def write(self, rows: str) -> tuple[list[str], int]:
        """Write the list of rows as texts that follow each other; also gives the number of rows."""
        if not rows:
            return ["[]"], 0
        values, width = rows.split(VALUE_SEPARATOR), self.width
        count, step = len(values) // width, len(self.between)
        texts = self.between * count
        for number, place in enumerate(self.places):
            texts[2 * number + 1 :: step] = values[place::width]
        texts[0] = self.begun
        texts.append(self.ended)
        return texts, count


class WrittenText(NamedTuple):
    """A text, and how many objects are in it; None where that is to be counted."""

    text: str
    objects: int | None = None


def with_rows(text: str, writers: Sequence[RowsWriter]) -> WrittenText:
    """Write the rows in a text.

    Their objects are counted here: to search all of it takes longer.
    """
    if not writers:
        return WrittenText(text)
    texts: list[str] = []
    objects: int | None = 0
    end = -1
    while (mark := text.find(ROWS, end + 1)) >= 0:
        texts.append(text[end + 1 : mark])
        begin = text.index(ROWS_BEGIN, mark)
        end = text.index(ROWS_END, begin)
        writer = writers[int(text[mark + 1 : begin])]
        written, rows = writer.write(text[begin + 1 : end])
        objects = None if objects is None or writer.adds_values else objects + rows * writer.objects
        outside = texts[-1]
        texts += written
        if objects is not None:
            objects += count_objects_in_json(outside.encode())
    texts.append(text[end + 1 :])
    if objects is not None:
        objects += count_objects_in_json(texts[-1].encode())
    return WrittenText("".join(texts), objects)
