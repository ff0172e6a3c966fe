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
