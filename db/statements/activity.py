"""Lists of activities."""

from sqlalchemy import ARRAY, DateTime, Double, Text, any_, bindparam
from sqlalchemy.dialects.postgresql import array

from athletics.sport import RUN_SPORT_TYPES
from db.models import Activity
from db.statements.page import Collection, Ordering
from db.statements.search import contains

IS_RUN = Activity.sport_type == any_(array(sorted(RUN_SPORT_TYPES)))
"""Condition for activities that are runs."""

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

_FILTERS = {
    "started_from": Activity.started_at >= bindparam("started_from", type_=DateTime(timezone=True)),
    "started_until": Activity.started_at < bindparam("started_until", type_=DateTime(timezone=True)),
    "sport_types": Activity.sport_type == any_(bindparam("sport_types", type_=ARRAY(Text))),
    "min_distance_m": Activity.distance_m >= bindparam("min_distance_m", type_=Double),
    "max_distance_m": Activity.distance_m <= bindparam("max_distance_m", type_=Double),
    "name_contains": contains(Activity.name, bindparam("name_contains", type_=Text)),
    "source": Activity.source == bindparam("source", type_=Text),
    "without_duplicates": Activity.duplicate_of_id.is_(None),
}

ACTIVITIES = Collection(Activity, filters=_FILTERS)
ACTIVITIES_OF_ATHLETE = Collection(Activity, parent=Activity.athlete_id, filters=_FILTERS)
