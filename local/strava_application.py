"""Keeps the simulated Strava's data and that of a real Strava application apart.

A file of the home says which of them its data is from. From simulated to real, the demo ends: its
tokens, sessions and connections; its tokens also in a database that was restored from a demo's.
From real to simulated, the start is refused, because the demo's
administrator would see the data of real athletes.
"""

from pathlib import Path

from sqlalchemy import Connection

from db.session import SyncDatabase
from db.statements.athletes import demo
from db.transaction_runner import TransactionRunner
from local.embedded_service import ServiceFailed
from local.generated_secrets import store_secret
from logs import tell
from operator_commands.demo_tokens import end_tokens
from settings import Settings

_FILE = "strava_application"
_SIMULATED = "simulated"


def keep_apart(settings: Settings, home: Path, *, is_simulated: bool) -> None:
    """End the demo if a real application is set for the first time. Raises ServiceFailed.

    `settings` name the database; `is_simulated` says whether this run simulates Strava.
    """
    file = home / _FILE
    now = _SIMULATED if is_simulated else settings.strava_client_id or ""
    database = SyncDatabase(settings, application_name="pacegraph run")
    try:
        transactions = TransactionRunner(database)
        before = file.read_text().strip() if file.exists() else transactions.read(_infer)
        if before == _SIMULATED and not is_simulated:
            tell(transactions.write(_end_demo))
        elif not is_simulated and (ended := transactions.write(end_tokens)):
            tell(f"the database was a demo's: {ended} API tokens of the demo ended")
    finally:
        database.close()
    if is_simulated and before not in {_SIMULATED, None}:
        raise ServiceFailed(
            f"STRAVA_CLIENT_ID: is not set, but {home} holds the data of the Strava application "
            f"{before}. Set it again, or give the demo a home of its own: "
            "make run PACEGRAPH_HOME=.local-demo"
        )
    if before != now:
        store_secret(file, now)


def _infer(connection: Connection) -> str | None:
    """Find out where the data of a home without the file is from; None without connections."""
    for name in (demo.ATHLETE_TOKEN, demo.ADMIN_TOKEN):
        if connection.execute(demo.count_tokens(), {"name": name}).scalar_one():
            return _SIMULATED
    return "of before" if connection.execute(demo.count_connections()).scalar_one() else None


def _end_demo(connection: Connection) -> str:
    """End the demo. Returns what to tell."""
    tokens = connection.execute(demo.revoke_tokens()).rowcount
    connection.execute(demo.end_sessions())
    athletes = connection.execute(demo.disconnect()).rowcount
    connection.execute(demo.stop_sharing())
    return (
        f"STRAVA_CLIENT_ID is set, so the demo ends: {tokens} API tokens and all sessions ended, "
        f"and {athletes} simulated athletes are no longer connected. Their activities stay, and "
        "only administrators see them. A home without them: "
        "make run PACEGRAPH_HOME=.local-strava"
    )
