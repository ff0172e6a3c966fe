"""Numbers of rules in statements."""

from sqlalchemy import ColumnElement, Double, literal_column


def number(value: float) -> ColumnElement[float]:
    """Write a number of double precision: bare ones would be whole or decimal to PostgreSQL."""
    return literal_column(f"{value!r}::float8", Double)
