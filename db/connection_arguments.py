"""What the drivers are told when they connect: limits, names, and what a pooler cannot take.

Behind a pooler in transaction mode (DATABASE_POOLER=transaction) each transaction may run on
another connection to PostgreSQL. So nothing may belong to a connection:

- no statement is prepared under a name, and none is kept;
- limits are no start-up parameters, which PgBouncer refuses: the role has them (`pacegraph doctor`
  says which lack);
- each connection has a name of its own, which PgBouncer passes on: the process ids that it tells
  are invented (`db/statement_watch.py`).
"""

import os
from collections.abc import Callable
from itertools import count
from typing import Any

from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.dark_hosts import LIBPQ_OPTIONS, SERVER_OPTIONS, notice
from settings import Settings

_ASYNCPG_NAMES = {"sslmode": "ssl"}
_SET_UTC = "SET timezone = 'UTC'"
"""PgBouncer keeps it for the client, as it does few others."""


def database_url(settings: Settings, drivername: str) -> URL:
    """Get DATABASE_URL for a driver of SQLAlchemy. Raises InvalidSettings without one."""
    settings.require("database_url")
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value()).set(drivername=drivername)
    if drivername.endswith("asyncpg"):
        url = url.set(
            query={_ASYNCPG_NAMES.get(name, name): value for name, value in url.query.items()}
        )
    return url


def pool_arguments(settings: Settings) -> dict[str, Any]:
    """Make the arguments of an engine's pool."""
    return {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_pool_timeout_s,
        "pool_recycle": settings.database_pool_recycle_s,
        "pool_pre_ping": settings.database_pre_ping,
        "hide_parameters": True,  # errors are logged, and parameters contain personal data
    }


def asyncpg_arguments(
    settings: Settings, application_name: str, statement_timeout_ms: int | None
) -> dict[str, Any]:
    """Make asyncpg's arguments of a connection.

    Statements end after the smaller of DATABASE_STATEMENT_TIMEOUT_MS and `statement_timeout_ms`; 0 and
    None are none.
    """
    server_settings = {"application_name": application_name, "timezone": "UTC"}
    arguments = {
        "server_settings": server_settings,
        "timeout": settings.database_connect_timeout_s,
    }
    if settings.is_pooled:
        unnamed: dict[str, int | Callable[[], str]] = {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,  # its call gives "": statements without a name
        }
        return arguments | unnamed
    server_settings |= {name: str(value) for name, value in SERVER_OPTIONS.items()}
    if idle_ms := settings.database_idle_transaction_timeout_ms:
        server_settings["idle_in_transaction_session_timeout"] = str(idle_ms)
    given = [ms for ms in (settings.database_statement_timeout_ms, statement_timeout_ms) if ms]
    if given:
        server_settings["statement_timeout"] = str(min(given))
        # one statement takes one core, and compiling it never pays
        server_settings |= {"max_parallel_workers_per_gather": "0", "jit": "off"}
    return arguments


def psycopg_arguments(settings: Settings, application_name: str) -> dict[str, Any]:
    """Make psycopg's arguments of a connection. What DATABASE_URL says of dark hosts counts more.

    A limit of 0 is left out, for poolers that refuse the parameter.
    """
    given_by_url = database_url(settings, "postgresql+psycopg").query
    arguments = {
        "application_name": application_name,
        "connect_timeout": max(1, round(settings.database_connect_timeout_s)),
        **{name: value for name, value in LIBPQ_OPTIONS.items() if name not in given_by_url},
    }
    if settings.is_pooled:
        return arguments | {"prepare_threshold": None}
    limits = {
        "statement_timeout": settings.database_statement_timeout_ms,
        "idle_in_transaction_session_timeout": settings.database_idle_transaction_timeout_ms,
    }
    limits |= SERVER_OPTIONS
    given = (f"-c {name}={value}" for name, value in limits.items() if value)
    return arguments | {"options": " ".join(["-c timezone=UTC", *given])}


def notice_dark_hosts(engine: AsyncEngine) -> None:
    """Let the connections of asyncpg end soon where PostgreSQL's host is dark."""

    @event.listens_for(engine.sync_engine, "connect")
    def _notice(connection: Any, _: Any) -> None:
        transport = connection.driver_connection._transport  # noqa: SLF001 - asyncpg has no other way
        notice(transport.get_extra_info("socket"))


def tell_times_in_utc(engine: Engine) -> None:
    """Make the connections of psycopg behind a pooler tell times in UTC."""

    @event.listens_for(engine, "connect")
    def _set_time_zone(connection: Any, _: Any) -> None:
        connection.autocommit = True
        connection.execute(_SET_UTC)
        connection.autocommit = False


def name_each(engine: Engine) -> None:
    """Give each connection of asyncpg a name of its own: the application's and a number."""
    process, numbers = os.urandom(4).hex(), count()

    @event.listens_for(engine, "do_connect")
    def _name(_: Any, __: Any, ___: Any, arguments: dict[str, Any]) -> None:
        given = arguments["server_settings"]
        name = f"{given['application_name']} #{process}.{next(numbers)}"
        arguments["server_settings"] = {**given, "application_name": name}
