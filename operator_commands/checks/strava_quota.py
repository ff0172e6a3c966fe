"""What `pacegraph doctor` says of Strava's quota."""

from settings import Settings


def quota_told(settings: Settings) -> str:
    """Say what is used of the quota, and how many athletes wait. Raises DatabaseError."""
    from db.session import SyncDatabase
    from db.statements import job_queue, strava_quota

    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            application = {"of_application": settings.strava_client_id}
            copy = connection.execute(strava_quota.copy(), application).one_or_none()
            waiting = connection.execute(job_queue.waiting_for_quota()).scalar_one()
    finally:
        database.close()
    if copy is None or copy.ledger is None:
        return "no request was counted yet"
    used = _used(settings, copy.ledger, copy.clock_s)
    return f"{used}; {waiting} {'athlete waits' if waiting == 1 else 'athletes wait'}"


def _used(settings: Settings, kept: str, clock_s: float) -> str:
    from strava.shared_quota.gate import quota_rules
    from strava.shared_quota.ledger import Ledger
    from strava.shared_quota.state import quota_states, time_of

    told, ledger = [], Ledger.from_text(kept)
    for state in quota_states(ledger, quota_rules(settings), time_of(ledger, clock_s)):
        what = "reads" if state.reads else "requests"
        told.append(f"{state.used} of {state.limit} {what} until {state.resets_at:%H:%M} UTC")
    return ", ".join(told)
