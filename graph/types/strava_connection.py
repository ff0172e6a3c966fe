"""An athlete's connection to Strava."""

from datetime import datetime

from db import models as m
from graph.row_type import column, row_type


@row_type(m.StravaConnection, "An athlete's connection to Strava. The tokens themselves never leave the server.")
class StravaConnection:
    """A connection's row."""

    strava_athlete_id: str = column(m.StravaConnection.strava_athlete_id, "The athlete's id on Strava.", convert=str)
    scopes: list[str] = column(m.StravaConnection.scopes, "What the athlete granted, in Strava's words.")
    connected_at: datetime = column(m.StravaConnection.connected_at, "When it was made or last renewed.")
    last_synced_at: datetime | None = column(
        m.StravaConnection.last_synced_at, "When a sync last ended well; null before the first."
    )
    history_complete_at: datetime | None = column(
        m.StravaConnection.history_complete_at, "When all of the history was first here; null until then."
    )
    refused_at: datetime | None = column(
        m.StravaConnection.refused_at, "When Strava refused it: connect again. Null while it works."
    )
