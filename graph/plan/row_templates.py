"""The SQL of the rows of one field, kept: documents nest fields differently, but the fields repeat.

A level is a field with its columns, among those that a document nests.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from threading import Lock
from time import thread_time
from typing import Any

from sqlalchemy import literal_column

from db.statements import json_sql
from db.statements.json_sql import Template
from db.statements.page import Columns
from db.statements.page import count as count_statement
from db.statements.page import page as page_statement
from db.statements.visibility import Audience, Expression
from graph.mapping.relation import Lookup, Paged
from runtime.bounded_map import WeightedLru

_TEMPLATE_BYTES = 1500
"""Approximate size of a template without its text, with what identifies it."""
_NOTHING: Expression = literal_column("1")
_OF: Expression = literal_column(json_sql.OF)
_until: ContextVar[float] = ContextVar("until", default=inf)


class TakesLong(Exception):
    """More templates are to be made than there is time for. Those made so far are kept."""


@contextmanager
def made_within(seconds: float) -> Iterator[None]:
    """Begin no template of the block after so many seconds of CPU: raise TakesLong instead.

    One may take 20 ms, and a document of 60 fields may need 30.
    """
    reset = _until.set(thread_time() + seconds)
    try:
        yield
    finally:
        _until.reset(reset)


@dataclass(frozen=True, slots=True)
class LevelColumns:
    """The columns of a level. Labels identify them: in a row type a label is always one column."""

    labels: tuple[str, ...]
    columns: Columns = field(compare=False)

    @classmethod
    def from_columns(cls, columns: Columns) -> "LevelColumns":
        return cls(tuple(columns), columns or {"nothing": _NOTHING})


class KeptTemplates:
    """Templates of at most `limit_bytes` together, by what they are made from.

    Threads share them: large plans are compiled in one.
    """

    def __init__(self, limit_bytes: int = 4 * 1024 * 1024) -> None:
        self._lock = Lock()
        self.evictions = 0
        """How many were dropped for others since the process started."""
        self.limit_to(limit_bytes)

    def limit_to(self, limit_bytes: int) -> None:
        """Start empty, with room for `limit_bytes`."""
        with self._lock:
            self._entries = WeightedLru[Hashable, Template](limit_bytes, _size)

    @property
    def bytes(self) -> int:
        """Approximate size of the templates."""
        return self._entries.weight

    def get(self, key: Hashable, make: Callable[[], Template]) -> Template:
        """Get a template, or make and keep it. Raises TakesLong, see `made_within`."""
        with self._lock:
            found = self._entries.find(key)
        if found is None:
            if thread_time() > _until.get():
                raise TakesLong
            found = make()
            with self._lock:
                self.evictions += len(self._entries.keep(key, found))
        return found


def _size(_: Hashable, template: Template) -> int:
    return _TEMPLATE_BYTES + len(template.sql)


TEMPLATES = KeptTemplates()
"""Those of this process: they depend on declarations alone, which are the process's too."""


def lookup_rows(
    relation: Lookup, selected: LevelColumns, shape: Hashable, audience: Audience
) -> Template:
    """Make the statement of a lookup's rows."""
    return TEMPLATES.get(
        ("lookup", relation, selected, shape, audience),
        lambda: json_sql.template(relation.build(selected.columns, shape, audience, _OF)),
    )


def page_rows(
    relation: Paged, selected: LevelColumns, shape: Any, audience: Audience, *, has_parent: bool
) -> Template:
    """Make the statement of a page's rows."""
    of = _OF if has_parent else None
    return TEMPLATES.get(
        ("page", relation, selected, shape, audience, has_parent),
        lambda: json_sql.template(
            page_statement(relation.collection, selected.columns, shape, audience, of=of)
        ),
    )


def page_count(
    relation: Paged, filters: frozenset[str], audience: Audience, *, has_parent: bool
) -> Template:
    """Make the statement that counts a connection's whole list."""
    of = _OF if has_parent else None
    return TEMPLATES.get(
        ("count", relation, filters, audience, has_parent),
        lambda: json_sql.template(count_statement(relation.collection, filters, audience, of=of)),
    )
