"""Halves of runs."""

from typing import Any

import strawberry
from sqlalchemy import Boolean, Double, literal_column

from db import models as m
from db.statements.page import AnySelect, Columns, of_rows
from db.statements.performance.pacing import halves
from db.statements.visibility import Audience, Expression
from graph.mapping.relation import Lookup
from graph.mapping.row_type import ROW_TYPES, RowType, column


@strawberry.type(
    description="How the second half of a run went against the first, by distance. Half way lies "
    "in one kilometer, within which the pace counts as even."
)
class Pacing:
    """A row of `halves`."""

    first_half_moving_time_seconds: float = column(
        literal_column("first_s", Double), "Moving time of the first half, in seconds."
    )
    second_half_moving_time_seconds: float = column(
        literal_column("second_s", Double), "Moving time of the second half, in seconds."
    )
    change_percent: float = column(
        literal_column("change_percent", Double),
        "How much longer the second half took, in percent of the first. Negative: it was faster.",
    )
    is_negative_split: bool = column(
        literal_column("is_negative", Boolean), "Whether the second half took less time."
    )


ROW_TYPES["Pacing"] = RowType(Pacing, m.ActivitySplit)


def _build(columns: Columns, _: Any, audience: Audience, of: Expression | None) -> AnySelect:
    return of_rows(columns, halves(audience, of=of))


PACING_OF_ACTIVITY = Lookup("Pacing", m.Activity.id, _build)
