"""The lock of an athlete and its connection, under which its Strava data is written."""

from sqlalchemy import Connection

from db.statements import athlete as athletes
from db.statements import strava_connection
from jobs.strava_tokens import StravaNotConnected


def keep_connected(connection: Connection, athlete_id: int) -> None:
    """Lock the athlete and the connection until the commit.

    Raises StravaNotConnected; then nothing may be written.
    """
    connection.execute(athletes.lock(), {"athlete": athlete_id})
    if (
        connection.execute(
            strava_connection.keep_connected(), {"athlete": athlete_id}
        ).one_or_none()
        is None
    ):
        raise StravaNotConnected(athlete_id)


def is_of_another(connection: Connection, athlete_id: int, strava_athlete: int | None) -> bool:
    """Whether Strava's athlete is another than the connected one, as with public activities.

    None: Strava did not tell.
    """
    if strava_athlete is None:
        return False
    values = {"athlete": athlete_id}
    known = connection.execute(strava_connection.of_athlete(), values).one_or_none()
    return known is not None and known.strava_athlete_id != strava_athlete
