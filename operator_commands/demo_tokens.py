"""Finds and ends the API tokens of the demo.

They should not outlast it in a database that serves a real Strava application: one of them is an
administrator's, and anybody with access to the demo may have it.
"""

from urllib.parse import urlsplit

from sqlalchemy import Connection

from db.session import SyncDatabase
from db.statements.athletes import api_token, demo
from db.transaction_runner import TransactionRunner
from operator_commands.confirmation import confirm
from settings import Settings

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


def is_strava_real(settings: Settings) -> bool:
    """Whether an application is set whose calls go to another machine than this one."""
    host = urlsplit(settings.strava_api_url).hostname
    return settings.strava_client_id is not None and host not in _THIS_MACHINE


def count_working(connection: Connection) -> int:
    """Count the demo's tokens that work."""
    return len(connection.execute(demo.working_tokens()).all())


def end_tokens(connection: Connection) -> int:
    """Revoke the demo's tokens and those made with them; returns how many were ended."""
    ended = 0
    for token_id in connection.execute(demo.working_tokens()).scalars().all():
        revoke = api_token.revoke(of_any_account=True)
        ended += len(connection.execute(revoke, {"token_id": token_id}).all())
    return ended


def ask_and_end(settings: Settings, *, yes: bool) -> int:
    """Run `pacegraph end-demo`; returns 1 if it is not wanted. Raises InvalidSettings."""
    settings.require("database_url")
    if not confirm("Ends the API tokens of the demo", yes=yes):
        return 1
    database = SyncDatabase(settings, application_name="pacegraph end-demo")
    try:
        ended = TransactionRunner(database).write(end_tokens)
    finally:
        database.close()
    print(f"ended {ended} API tokens of the demo")
    return 0
