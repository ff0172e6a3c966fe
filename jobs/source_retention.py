"""Keeps activities of Strava no longer than STRAVA_RETENTION_DAYS after it last confirmed them.

Three quarters of that time after, a full sync asks Strava for them, within its quota. What is not
confirmed until the end, say because the athlete disconnected, is deleted.
"""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from db.session import SyncDatabase
from db.statements.activities import source_retention
from db.statements.activities.activity_deletion import gone_and_left
from db.statements.athletes import athlete as athletes
from jobs.sync.changes import note_changes
from jobs.sync.personal_bests import recalculate
from settings import Settings

_DAY_S = 86_400.0
_REFRESHED_AFTER = 0.75
_ATHLETES_AT_ONCE = 20
_LOOKED_AT = 1000
"""Activities that tell which athletes those are."""

logger = logging.getLogger(__name__)


def create_refreshing_jobs(settings: Settings, connection: Connection) -> Sequence[Any]:
    """Create the syncs that are due; returns their summaries."""
    if not settings.strava_retention_days:
        return ()
    refreshed_s = settings.strava_retention_days * _DAY_S * _REFRESHED_AFTER
    values = {"refreshed_s": refreshed_s, "most": _ATHLETES_AT_ONCE}
    return connection.execute(source_retention.create_refreshing_jobs(), values).all()


def delete_due(settings: Settings, database: SyncDatabase) -> bool:
    """Delete what is kept too long, of some athletes; returns whether there may be more.

    Raises DatabaseError.
    """
    if not settings.strava_retention_days:
        return False
    due = {"kept_s": settings.strava_retention_days * _DAY_S}
    limits = {"most": _ATHLETES_AT_ONCE, "looked_at": _LOOKED_AT}
    with database.read() as connection:
        found = connection.execute(source_retention.athletes_due(), due | limits).all()
    for athlete_id, _ in found:
        with database.write() as connection:
            connection.execute(athletes.lock(), {"athlete": athlete_id})
            deleted = connection.execute(
                source_retention.delete_due(), due | {"athlete": athlete_id}
            )
            gone, left = gone_and_left(deleted)
            recalculate(connection, athlete_id)
            note_changes(connection, athlete_id, None, activities=left, deleted=gone)
        extra = {"athlete_id": athlete_id, "activities": len(gone)}
        logger.info("deleted activities that Strava did not confirm", extra=extra)
    return len(found) == _ATHLETES_AT_ONCE or sum(each.activities for each in found) == _LOOKED_AT
