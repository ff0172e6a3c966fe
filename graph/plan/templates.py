"""The SQL of single levels, kept: documents differ in how they put levels together, hardly in the levels."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import literal_column

from db.statements import json
from db.statements.json import Template
from db.statements.page import Columns
from db.statements.page import count as count_statement
from db.statements.page import page as page_statement
from db.statements.visibility import Audience, Expression
from graph.relation import Lookup, Paged

_MAX_KEPT = 512
_NOTHING: Expression = literal_column("1")
_OF: Expression = literal_column(json.OF)


@dataclass(frozen=True, slots=True)
class Selected:
    """The columns of a level. Their labels tell them apart: a label stands for the same column of a row type always."""

    labels: tuple[str, ...]
    columns: Columns = field(compare=False)

    @classmethod
    def of(cls, columns: Columns) -> "Selected":
        return cls(tuple(columns), columns or {"nothing": _NOTHING})


@lru_cache(_MAX_KEPT)
def lookup_rows(relation: Lookup, selected: Selected, shape: Hashable, audience: Audience) -> Template:
    """Make the rows of a lookup."""
    return json.template(relation.build(selected.columns, shape, audience, _OF))


@lru_cache(_MAX_KEPT)
def page_rows(relation: Paged, selected: Selected, shape: Any, audience: Audience, *, has_parent: bool) -> Template:
    """Make the rows of a connection's page."""
    of = _OF if has_parent else None
    return json.template(page_statement(relation.collection, selected.columns, shape, audience, of=of))


@lru_cache(_MAX_KEPT)
def page_count(relation: Paged, filters: frozenset[str], audience: Audience, *, has_parent: bool) -> Template:
    """Make the length of a connection's whole list."""
    of = _OF if has_parent else None
    return json.template(count_statement(relation.collection, filters, audience, of=of))
