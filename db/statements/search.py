"""Text search."""

from sqlalchemy import ColumnElement, func

from db.statements.visibility import Expression


def contains(text: Expression, part: ColumnElement[str]) -> ColumnElement[bool]:
    """Condition that `text` contains `part`, ignoring case; no character of it is a wildcard."""
    return func.strpos(func.lower(text), func.lower(part)) > 0
