"""Requests that operators' commands make to Strava, counted in the quota that workers share."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from sqlalchemy.exc import ProgrammingError

from db.errors import DatabaseError
from db.session import SyncDatabase
from db.statements.strava import strava_quota
from runtime.redis_clients import redis_client
from settings import Settings
from strava.client import StravaClient
from strava.shared_quota.gate import QuotaGate

_REDIS_TIMEOUT_S = 1.0


@contextmanager
def strava_client(settings: Settings) -> Iterator[StravaClient]:
    """Open a client. While the count cannot be kept, requests are made without it.

    Workers then make none, and the next answer corrects the count. Raises InvalidSettings.
    """
    with ExitStack() as opened:
        gate = None
        if settings.database_url is not None and settings.redis_url is not None:
            database = SyncDatabase(settings, application_name="pacegraph-commands")
            opened.callback(database.close)
            redis = opened.enter_context(redis_client(settings, timeout_s=_REDIS_TIMEOUT_S))
            if _is_counted(settings, database):
                gate = QuotaGate.from_settings(settings, database, redis)
        yield opened.enter_context(closing(StravaClient.from_settings(settings, gate=gate)))


def _is_counted(settings: Settings, database: SyncDatabase) -> bool:
    """Whether PostgreSQL keeps the count: it answers, and has the table."""
    if settings.strava_client_id is None:
        return False
    try:
        with database.read() as connection:
            application = {"of_application": settings.strava_client_id}
            connection.execute(strava_quota.copy(), application)
    except (DatabaseError, ProgrammingError):
        return False
    return True
