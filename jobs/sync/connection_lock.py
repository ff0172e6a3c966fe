"""The lock of an athlete and its connection, under which its Strava data is written."""

from sqlalchemy import Connection

from db.statements.strava import strava_connection
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.derived_rows import Runner


def keep_connected(connection: Connection, athlete_id: int) -> Runner:
    """Lock the athlete and the connection until the commit; returns the athlete as it is then.

    Raises StravaNotConnected; then nothing may be written.
    """
    values = {"athlete": athlete_id}
    row = connection.execute(strava_connection.keep_connected(), values).one_or_none()
    if row is None:
        raise StravaNotConnected(athlete_id)
    return Runner.from_row(row)


def is_of_another(connection: Connection, athlete_id: int, strava_athlete: int | None) -> bool:
    """Whether Strava's athlete is another than the connected one, as with public activities.

    None: Strava did not tell.
    """
    if strava_athlete is None:
        return False
    values = {"athlete": athlete_id}
    known = connection.execute(strava_connection.of_athlete(), values).one_or_none()
    return known is not None and known.strava_athlete_id != strava_athlete
