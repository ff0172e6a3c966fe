"""Who was connected to Strava, so that returning athletes find what they left here."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Delete,
    Executable,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
)

from db.models import Activity, FormerConnection

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_STRAVA_ID = bindparam("strava_athlete", type_=BigInteger)


def keep() -> tuple[Executable, ...]:
    """Make the statements that keep that `athlete` was connected as `strava_athlete`.

    They do so where the data is `kept`, or activities of the athlete are left. What was kept of
    either is forgotten first: of two athletes who were connected as one, the later is found.
    """
    columns = (FormerConnection.athlete_id, FormerConnection.strava_athlete_id)
    is_left = exists().where(Activity.athlete_id == _ATHLETE_ID)
    rows = select(_ATHLETE_ID, _STRAVA_ID).where(or_(bindparam("kept", type_=Boolean), is_left))
    return (
        forget(_ATHLETE_ID, _STRAVA_ID),
        insert(FormerConnection).from_select([each.key for each in columns], rows),
    )


def forget_erased() -> Executable:
    """Forget that `athlete` was connected, if no activities are left to be found."""
    is_left = exists().where(Activity.athlete_id == _ATHLETE_ID)
    return delete(FormerConnection).where(FormerConnection.athlete_id == _ATHLETE_ID, ~is_left)


def athlete_of() -> Executable:
    """Select the athlete who was connected to the Strava athlete `strava_athlete_id`."""
    return select(FormerConnection.athlete_id).where(
        FormerConnection.strava_athlete_id == bindparam("strava_athlete_id", type_=BigInteger)
    )


def forget(athlete_id: Any, strava_athlete_id: Any) -> Delete:
    """Forget that either was connected. It goes before a connection or another such row."""
    return delete(FormerConnection).where(
        or_(
            FormerConnection.athlete_id == athlete_id,
            FormerConnection.strava_athlete_id == strava_athlete_id,
        )
    )
