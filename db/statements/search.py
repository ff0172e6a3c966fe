"""Text search.

An index of trigrams has the texts of all rows. Where those of one athlete are searched, PostgreSQL
would join it with the athlete's, as it assumes that few texts have a pattern that it does not know:
that takes as long as others have rows. So there each text is looked at.
"""

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


def each_contains(text: Expression, part: ColumnElement[str]) -> ColumnElement[bool]:
    """Condition as `contains`, without an index."""
    return func.strpos(func.lower(text), func.lower(part)) > 0


def _constant(text: str) -> ColumnElement[str]:
    return literal_column(f"'{text}'", Text)
