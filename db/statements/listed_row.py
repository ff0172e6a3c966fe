"""The JSON of what lists of rows show, kept with each row.

To write a number, a time or a text as JSON takes PostgreSQL longer than to find its row. So a
trigger writes one text with the JSON of several columns when one of them changes, and a list reads
that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Text, func
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity, Base
from db.statements.visibility import Expression

VALUE_SEPARATOR = "\x1f"
"""Between the values; no JSON has it."""

LEAST_VALUES, LEAST_ROWS = 3, 10
"""Fewer values, and lists that a document limits to fewer rows, are written faster one by one."""


@dataclass(frozen=True, eq=False)
class ListedRow:
    """What is kept of a model's rows: the values of `columns`, by their names' places, in `kept`."""

    kept: Expression
    places: Mapping[str, int]

    @property
    def size(self) -> int:
        return len(self.places)

    @classmethod
    def of(cls, model: type[Base]) -> "ListedRow | None":
        """Get what is kept of a model's rows, None if nothing is."""
        return _KEPT.get(model)

    def place(self, model: type[Base], column: Expression) -> int | None:
        """Get the place of a column's value. None: it is not kept."""
        if isinstance(column, InstrumentedAttribute) and column.class_ is model:
            return self.places.get(column.key)
        return None


# in the order of the function's parameters (0051_json_of_activities.py)
_OF_ACTIVITY = (
    Activity.id,
    Activity.name,
    Activity.sport_type,
    Activity.started_at,
    Activity.started_at_local,
    Activity.distance_m,
    Activity.moving_time_s,
    Activity.elapsed_time_s,
    Activity.elevation_gain_m,
    Activity.average_heart_rate_bpm,
    Activity.max_heart_rate_bpm,
)
_KEPT: Mapping[type[Base], ListedRow] = {
    Activity: ListedRow(
        func.coalesce(
            Activity.listed_json, func.json_of_activity(*_OF_ACTIVITY, type_=Text), type_=Text
        ),
        {each.key: place for place, each in enumerate(_OF_ACTIVITY)},
    )
}
