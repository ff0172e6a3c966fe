"""What only detailed activities tell: description, device, calories, and laps."""

from functools import cache

from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    Executable,
    Integer,
    Text,
    bindparam,
    exists,
    func,
    null,
    or_,
    select,
    update,
)

from db.models import Activity, ActivityLap, ActivitySource
from db.statements.activities.activity import IS_RUN
from db.statements.edited import unless_edited
from db.statements.interval import seconds
from db.statements.new_rows import replace
from db.statements.ordering import Ordering
from db.statements.page import Collection

# Not "athlete_id": in an UPDATE a value passed under a column's name is written to that column.
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity", type_=BigInteger)
_SEEN_AT = bindparam("seen_at", type_=DateTime(timezone=True))
_SOUGHT = (
    Activity.id,
    Activity.athlete_id,
    Activity.strava_id,
    Activity.started_at,
    Activity.updated_at,
)
_UNCHANGED = Activity.updated_at == _SEEN_AT
_HAS_LAPS = exists().where(
    ActivityLap.activity_id == Activity.id, ActivityLap.athlete_id == Activity.athlete_id
)

_LAP = (
    "activity_id", "lap_number", "athlete_id", "start_offset_s", "elapsed_time_s", "moving_time_s",
    "distance_m", "average_heart_rate_bpm",
)  # fmt: skip

LAPS_OF_ACTIVITY = Collection(ActivityLap, parent=ActivityLap.activity_id)
IN_ORDER = Ordering(ActivityLap.lap_number, ActivityLap.activity_id, descending=False)


def pending() -> Executable:
    """Select at most `row_limit` runs of `athlete` with details to be asked for, newest first.

    Manual entries have none.
    """
    due = or_(Activity.details_retry_at.is_(None), Activity.details_retry_at <= func.now())
    return (
        select(*_SOUGHT)
        .where(
            Activity.athlete_id == _ATHLETE_ID,
            Activity.source == ActivitySource.STRAVA,
            Activity.details_at.is_(None),
            ~Activity.manual,
            IS_RUN,
            due,
        )
        .order_by(Activity.started_at.desc(), Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
    )


@cache
def by_strava_id() -> Executable:
    """Select the activity of `athlete` with the Strava id `strava_id`, as `pending` does."""
    return select(*_SOUGHT).where(
        Activity.athlete_id == _ATHLETE_ID,
        Activity.strava_id == bindparam("strava_id", type_=BigInteger),
    )


@cache
def record() -> Executable:
    """Write Strava's details of `activity`; returns its id, `athlete_id` and whether it `has_laps`.

    Parameters also: `new_description`, `new_device_name` (null: the known one stays),
    `new_calories`. If the activity was deleted or changed since `seen_at`, nothing is written or
    returned.
    """
    return (
        update(Activity)
        .where(Activity.id == _ACTIVITY_ID, _UNCHANGED)
        .values(
            description=unless_edited(
                Activity, Activity.description, bindparam("new_description", type_=Text)
            ),
            device_name=func.coalesce(
                bindparam("new_device_name", type_=Text), Activity.device_name
            ),
            calories_kcal=bindparam("new_calories", type_=Double),
            details_at=func.now(),
            details_retry_at=null(),
        )
        .returning(Activity.id, Activity.athlete_id, _HAS_LAPS.label("has_laps"))
    )


def ask_again() -> Executable:
    """Record that the details of `activity` could not be read, and to ask again in `pause_s`."""
    return (
        update(Activity)
        .where(Activity.id == _ACTIVITY_ID)
        .values(details_retry_at=func.now() + seconds(bindparam("pause_s", type_=Double)))
    )


@cache
def set_laps() -> Executable:
    """Make the rows in the parameter `rows` the laps of the activities `activity_ids`."""
    return replace(ActivityLap, _LAP, ("activity_id", "lap_number"))
