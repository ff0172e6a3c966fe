"""Any table, by its name."""

from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Executable,
    column,
    func,
    literal_column,
    select,
    table,
    text,
)


def count_rows(name: str, condition: str | None = None) -> Executable:
    """Count the rows of the table `name`, those that meet the SQL `condition` if given."""
    rows = select(func.count()).select_from(table(name))
    return rows if condition is None else rows.where(text(condition))


def count_values(name: str, column_name: str, default: str | None) -> Executable:
    """Count the rows with another value in a column than NULL and the SQL `default`."""
    value: ColumnClause[Any] = column(column_name)
    conditions: list[ColumnElement[bool]] = [value.is_not(None)]
    if default is not None:
        conditions.append(value.is_distinct_from(literal_column(default)))
    return select(func.count()).select_from(table(name)).where(*conditions)
