"""In which form a field's value is written as JSON."""

from typing import Any

from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull
from sqlalchemy import ARRAY, Boolean, Date, DateTime, Double, Integer, Numeric

from db.statements.json_sql import Form
from graph.mapping.row_type import Column
from graph.plan.selection import SelectedField
from graph.scalars import decimals_of

_ROUNDED = {3: Form.THOUSANDTHS, 6: Form.MILLIONTHS}
"""Forms of doubles by the number of their decimals."""


def is_non_null(selected: SelectedField) -> bool:
    """Tell whether a field is never null."""
    assert selected.definition is not None
    return isinstance(selected.definition.type, GraphQLNonNull)


def form_of_field(selected: SelectedField, source: Column) -> Form:
    """Get the form of a field with the value of a column."""
    assert selected.definition is not None
    named: Any = selected.definition.type
    while isinstance(named, GraphQLNonNull | GraphQLList):
        named = named.of_type
    if isinstance(named, GraphQLEnumType):
        return Form.NAMES if isinstance(source.made.type, ARRAY) else Form.NAME
    if isinstance(source.made.type, Double):
        return _ROUNDED[decimals_of(selected.name)]
    return Form.NUMBER_AS_TEXT if source.convert is str else form_of(source.made)


def form_of(expression: Any) -> Form:
    """Get the form of an expression's values, by its type."""
    type_ = expression.type
    if isinstance(type_, Boolean):
        return Form.BOOLEAN
    if isinstance(type_, Integer | Double | Numeric):
        return Form.NUMBER
    if isinstance(type_, DateTime):
        return Form.INSTANT if type_.timezone else Form.LOCAL
    if isinstance(type_, Date):
        return Form.DATE
    return Form.TEXTS if isinstance(type_, ARRAY) else Form.TEXT
