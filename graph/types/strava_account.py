"""An athlete's account on Strava, while it is connected."""

from datetime import datetime

from db import models as m
from db.statements.strava import strava_connection as statements
from graph.mapping.row_type import column, row_type


@row_type(
    m.StravaConnection,
    "The account on Strava that an athlete connected. Its tokens never leave the server.",
)
class StravaAccount:
    """A connection's row. Relay keeps the suffix Connection for pages."""

    strava_athlete_id: str = column(
        m.StravaConnection.strava_athlete_id, "The athlete's id on Strava.", convert=str
    )
    scopes: list[str] = column(
        m.StravaConnection.scopes, "Permissions the athlete granted, as Strava names them."
    )
    missing_scopes: list[str] = column(
        statements.missing_scopes,
        "Permissions that were asked for and that the athlete did not grant. Without "
        "`activity:read_all` activities that only the athlete sees are missing, without "
        "`profile:read_all` the heart rate zones of Strava. To grant them, connect again.",
    )
    connected_at: datetime = column(
        m.StravaConnection.connected_at, "Time the athlete connected, or last connected again."
    )
    last_synced_at: datetime | None = column(
        m.StravaConnection.last_synced_at,
        "Start of the last successful sync of everything: the data is as Strava's at this time. A "
        "sync of one activity or a range of days does not count. Null before the first.",
    )
    history_complete_at: datetime | None = column(
        m.StravaConnection.history_complete_at,
        "Time the whole history was first imported. Null until then.",
    )
    refused_at: datetime | None = column(
        m.StravaConnection.refused_at,
        "Time Strava refused the connection: connect again. Null while it works.",
    )
