"""Text search."""

from sqlalchemy import ColumnElement, func, literal_column
from sqlalchemy.types import Text

from db.statements.visibility import Expression


def contains(text: Expression, part: ColumnElement[str]) -> ColumnElement[bool]:
    """Condition that `text` contains `part`, ignoring case; no character of it is a wildcard.

    Written as a pattern, because indexes of trigrams find patterns.
    """
    pattern = func.lower(part)
    for special in ("\\", "%", "_"):
        pattern = func.replace(pattern, _constant(special), _constant("\\" + special))
    return func.lower(text).like(_constant("%").op("||")(pattern).op("||")(_constant("%")))


def _constant(text: str) -> ColumnElement[str]:
    return literal_column(f"'{text}'", Text)
