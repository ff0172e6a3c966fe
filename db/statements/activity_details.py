"""What only detailed activities tell: description, device, calories, and laps."""

from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    Executable,
    Integer,
    Text,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from db.models import Activity, ActivityLap, ActivitySource
from db.statements.activity import IS_RUN
from db.statements.edited import unless_edited
from db.statements.interval import seconds
from db.statements.page import Collection, Ordering

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


def by_strava_id() -> Executable:
    """Select the activity of `athlete` with the Strava id `strava_id`, as `pending` does."""
    return select(*_SOUGHT).where(
        Activity.athlete_id == _ATHLETE_ID,
        Activity.strava_id == bindparam("strava_id", type_=BigInteger),
    )


def record() -> Executable:
    """Write Strava's details of `activity`; returns its id and `athlete_id`.

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
        .returning(Activity.id, Activity.athlete_id)
    )


def ask_again() -> Executable:
    """Record that the details of `activity` could not be read, and to ask again in `pause_s`."""
    return (
        update(Activity)
        .where(Activity.id == _ACTIVITY_ID)
        .values(details_retry_at=func.now() + seconds(bindparam("pause_s", type_=Double)))
    )


def discard_laps() -> Executable:
    """Delete the laps of `activity`."""
    return delete(ActivityLap).where(ActivityLap.activity_id == _ACTIVITY_ID)


def add_laps() -> Executable:
    """Write laps; parameters are named like the columns."""
    return insert(ActivityLap)
