"""Lists of activities."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, DateTime, Double, Text, any_, bindparam, case, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import aliased

from athletics.sport import RUN_SPORT_TYPES
from db.models import Activity, Visibility
from db.statements.page import Collection, Ordering
from db.statements.search import contains
from db.statements.visibility import Condition, Split

IS_RUN = Activity.sport_type == any_(array(sorted(RUN_SPORT_TYPES)))
"""Condition for activities that are runs."""


def duplicate_for_others(of: Any = Activity) -> ColumnElement[int | None]:
    """The activity that stands for this one among those visible to everyone, where its run was recorded twice.

    Where the one that stands for all is hidden from others, it is the first of the rest.
    """
    original, other = aliased(Activity), aliased(Activity)
    shown = select(original.id).where(original.id == of.duplicate_of_id, original.visibility == Visibility.EVERYONE)
    first = select(func.min(other.id)).where(
        other.duplicate_of_id == of.duplicate_of_id, other.visibility == Visibility.EVERYONE, other.id < of.id
    )
    stands = func.coalesce(shown.scalar_subquery(), first.scalar_subquery())
    return case((of.duplicate_of_id.is_not(None), stands))


STANDS = Split(Activity, Activity.duplicate_of_id.is_(None), duplicate_for_others().is_(None))
"""Condition for activities that stand for their run: recorded once, or the one of several that counts."""

ORDERINGS = {
    (name, descending): Ordering(column, Activity.id, descending=descending)
    for name, column in {
        "STARTED_AT": Activity.started_at,
        "DISTANCE": Activity.distance_m,
        "MOVING_TIME": Activity.moving_time_s,
        "ELAPSED_TIME": Activity.elapsed_time_s,
    }.items()
    for descending in (True, False)
}

_FILTERS: dict[str, Condition | Split] = {
    "started_from": Activity.started_at >= bindparam("started_from", type_=DateTime(timezone=True)),
    "started_until": Activity.started_at < bindparam("started_until", type_=DateTime(timezone=True)),
    "sport_types": Activity.sport_type == any_(bindparam("sport_types", type_=ARRAY(Text))),
    "min_distance_m": Activity.distance_m >= bindparam("min_distance_m", type_=Double),
    "max_distance_m": Activity.distance_m <= bindparam("max_distance_m", type_=Double),
    "name_contains": contains(Activity.name, bindparam("name_contains", type_=Text)),
    "source": Activity.source == bindparam("source", type_=Text),
    "without_duplicates": STANDS,
}

ACTIVITIES = Collection(Activity, filters=_FILTERS)
ACTIVITIES_OF_ATHLETE = Collection(Activity, parent=Activity.athlete_id, filters=_FILTERS)
