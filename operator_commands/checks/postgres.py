"""Whether PostgreSQL answers, is new enough and keeps the limits that connections ask for."""

from typing import Any

from sqlalchemy import Connection, text

from db.errors import DatabaseError
from db.statements.server import backend
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed, first_line, require
from settings import Settings

_OLDEST_POSTGRES = 16


def check(settings: Settings) -> str:
    require(
        settings,
        "database_url",
        "Set it, or use `pacegraph run`, which starts a PostgreSQL of its own",
    )
    try:
        with reading(settings) as connection:
            check_pooler(connection, settings)
            check_limits(connection, settings)
            version = (
                int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
            )
    except DatabaseError as error:
        remedy = "Check DATABASE_URL, and that PostgreSQL runs and accepts us"
        if "DATABASE_POOLER" in str(error):
            remedy = f"{error}"
        raise CheckFailed(f"{first_line(error.__cause__ or error)}. {remedy}") from None
    if version < _OLDEST_POSTGRES:
        raise CheckFailed(
            f"version {version} is too old. Use PostgreSQL {_OLDEST_POSTGRES} or newer"
        )
    return f"version {version} answers" + (" through a pooler" if settings.is_pooled else "")


def check_pooler(connection: Connection, settings: Settings) -> None:
    """Find a pooler that no setting tells of: it invents process ids. Raises CheckFailed."""
    if settings.is_pooled:
        settings.past_pooler()  # raises InvalidSettings: migrations need it
        return
    driver: Any = connection.connection.driver_connection
    told, real = driver.info.backend_pid, connection.execute(backend.own()).scalar_one()
    if told != real:
        raise CheckFailed(
            "a pooler answers at DATABASE_URL. Set DATABASE_POOLER=transaction, which is right for "
            "its other modes too, and DATABASE_DIRECT_URL"
        )


def check_limits(connection: Connection, settings: Settings) -> None:
    """Ask which limits hold. Poolers may drop those that clients ask for. Raises CheckFailed."""
    wanted = {
        "statement_timeout": settings.database_statement_timeout_ms,
        "idle_in_transaction_session_timeout": settings.database_idle_transaction_timeout_ms,
    }
    role = connection.execute(text("SELECT current_user")).scalar_one()
    for name, milliseconds in wanted.items():
        held = connection.execute(
            text("SELECT setting FROM pg_settings WHERE name = :name"), {"name": name}
        ).scalar_one()
        if milliseconds and int(held) == 0:
            raise CheckFailed(
                f"{name} is 0, although we asked for {milliseconds} ms: a pooler drops it. Set it "
                f"on the role: ALTER ROLE {role} SET {name} = {milliseconds}"
            )
