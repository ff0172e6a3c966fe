"""Total orders of rows, and the conditions that continue them behind a cursor."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, UnaryExpression, and_, bindparam, or_, tuple_
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.operators import asc_op, desc_op

from db.statements.visibility import Expression


@dataclass(frozen=True, slots=True, eq=False)
class Ordering:
    """A total order: by `column`, which is never null, then by `id` in the same direction.

    With `tie`, which is never null, equal rows are ordered by `tie`, then by `id`. Both ascend,
    also where the order is descending.
    """

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    descending: bool
    tie: InstrumentedAttribute[Any] | None = None

    def after(self, cursor: str, *, reverse: bool, with_tie: bool) -> ColumnElement[bool]:
        """Condition for rows after the row with the values in the parameters `cursor`_*.

        With `reverse`, rows before it. Without `with_tie`, equal rows are compared by `id` alone,
        as versions without `tie` ordered them.
        """
        value = bindparam(f"{cursor}_value", type_=self.column.type)
        row_id = bindparam(f"{cursor}_id", type_=BigInteger)
        is_less = self.descending != reverse
        if self.tie is None or not with_tie:
            row, mark = tuple_(self.column, self.id), tuple_(value, row_id)
            return row < mark if is_less else row > mark
        tie = bindparam(f"{cursor}_tie", type_=self.tie.type)
        if not self.descending:
            row, mark = tuple_(self.column, self.tie, self.id), tuple_(value, tie, row_id)
            return row < mark if is_less else row > mark
        equal, mark = tuple_(self.tie, self.id), tuple_(tie, row_id)
        return or_(
            self.column < value if is_less else self.column > value,
            and_(self.column == value, equal < mark if reverse else equal > mark),
        )

    def directions(self, *, reverse: bool) -> tuple["Directed", ...]:
        falls = self.descending != reverse
        if self.tie is None:
            return Directed(self.column, falls), Directed(self.id, falls)
        return (
            Directed(self.column, falls),
            Directed(self.tie, reverse),
            Directed(self.id, reverse),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Directed:
    """A column that rows are ordered by."""

    column: Expression
    falls: bool = False

    @classmethod
    def from_clause(cls, clause: ColumnElement[Any]) -> "Directed":
        """Take a clause of an order apart."""
        if isinstance(clause, UnaryExpression) and clause.modifier in {asc_op, desc_op}:
            return cls(clause.element, clause.modifier is desc_op)
        return cls(clause)

    def clause(self, column: Expression | None = None) -> ColumnElement[Any]:
        """Order by it, or by `column`, which has its values."""
        column = self.column if column is None else column
        return column.desc() if self.falls else column.asc()
