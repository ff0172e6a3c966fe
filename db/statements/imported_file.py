"""Activities that were read from files."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Executable,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from db.models import Activity, ImportedFile

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_DIGEST = bindparam("file_digest", type_=LargeBinary)


def find() -> Executable:
    """Select what `athlete` has of the file `file_digest`, in order of places.

    That is `place`, `activity_id`, the activity's `name`, and `of_file`.
    """
    columns = (
        ImportedFile.place,
        ImportedFile.activity_id,
        ImportedFile.of_file,
        Activity.name,
    )
    return (
        select(*columns)
        .join(Activity, Activity.id == ImportedFile.activity_id)
        .order_by(ImportedFile.place)
        .where(ImportedFile.athlete_id == _ATHLETE_ID, ImportedFile.digest == _DIGEST)
    )


def rename() -> Executable:
    """Give `activity` the name `new_name`."""
    return (
        update(Activity)
        .where(Activity.id == bindparam("activity", type_=BigInteger))
        .values(name=bindparam("new_name", type_=Text), updated_at=func.now())
    )


def record() -> Executable:
    """Record that `activity` was read from a file.

    Parameters: `athlete`, `file_digest`, `at_place`, `activity`, `name`, `count` (its activities).
    """
    return insert(ImportedFile).values(
        athlete_id=_ATHLETE_ID,
        digest=_DIGEST,
        place=bindparam("at_place", type_=Integer),
        activity_id=bindparam("activity", type_=BigInteger),
        file_name=bindparam("name", type_=Text),
        of_file=bindparam("count", type_=Integer),
    )


def create_activity(row: dict[str, Any]) -> Executable:
    """Create an activity; returns the columns that best efforts are derived from."""
    return (
        insert(Activity)
        .values(row)
        .returning(
            Activity.id,
            Activity.athlete_id,
            Activity.sport_type,
            Activity.started_at,
            Activity.started_at_local,
            Activity.distance_m,
            Activity.elapsed_time_s,
            Activity.flagged,
            Activity.trainer,
        )
    )


def nearest_zone() -> Executable:
    """Select the named time zone of `athlete`'s activity that began nearest to `at`.

    Activities with a fixed offset tell no place: they count only where there are no others.
    """
    began = bindparam("at", type_=DateTime(timezone=True))
    is_fixed = or_(Activity.timezone.startswith("Etc/"), Activity.timezone == "UTC")
    distance_s = func.abs(func.extract("epoch", Activity.started_at - began))
    return (
        select(Activity.timezone)
        .where(Activity.athlete_id == _ATHLETE_ID)
        .order_by(is_fixed, distance_s, Activity.id)
        .limit(1)
    )
