"""What is left of Strava's quota, and how many athletes have to wait."""

from sqlalchemy.exc import ProgrammingError

from db.errors import DatabaseError
from db.statements.jobs import job_queue
from db.statements.strava import strava_quota
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed, require
from settings import Settings
from strava.shared_quota.gate import quota_rules
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.quota_report import quota_states, time_of


def check(settings: Settings) -> str:
    require(settings, "database_url", "Without it the count of requests cannot be read")
    application = {"of_application": settings.strava_client_id}
    try:
        with reading(settings) as connection:
            copy = connection.execute(strava_quota.copy(), application).one_or_none()
            waiting = connection.execute(job_queue.waiting_for_quota()).scalar_one()
    except (DatabaseError, ProgrammingError):
        raise CheckFailed(
            "the count of requests cannot be read. See PostgreSQL and migrations above"
        ) from None
    if copy is None or copy.ledger is None:
        return "no request was counted yet"
    used = _used(settings, copy.ledger, copy.clock_s)
    return f"{used}; {waiting} {'athlete waits' if waiting == 1 else 'athletes wait'}"


def _used(settings: Settings, kept: str, clock_s: float) -> str:
    told, ledger = [], Ledger.from_text(kept)
    for state in quota_states(ledger, quota_rules(settings), time_of(ledger, clock_s)):
        what = "reads" if state.reads else "requests"
        told.append(f"{state.used} of {state.limit} {what} until {state.resets_at:%H:%M} UTC")
    return ", ".join(told)
