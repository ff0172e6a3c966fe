"""Moves the older service's tables to schema `legacy` if pacegraph needs their names.

`pacegraph migrate` does this before its first migration. Only the catalog changes: no row is
rewritten, nothing is dropped, and references to a moved table stay valid. The older service finds
the tables with `search_path = legacy, public`. Other tables stay in schema `public`.
"""

import logging
import time

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from db.models import Base
from legacy.adoption.old_table import quoted

_ATTEMPTS = 30
_LOCK_TIMEOUT = "2s"  # how long an attempt may block the older service
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"

logger = logging.getLogger(__name__)

# A constraint of the first migration: if it exists, the tables are pacegraph's own.
_IS_OURS = """SELECT EXISTS (SELECT FROM pg_constraint
    WHERE conname = 'ck_activities_strava_id_of_strava'
    AND connamespace = 'public'::regnamespace)"""
_IS_OLD = """SELECT count(DISTINCT rtrim(name, 's')) = 2 FROM (
        SELECT CASE relname WHEN 'activities' THEN 'activity' ELSE relname END AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND relname IN ('athlete', 'athletes', 'activity', 'activities')) found"""
_COLLIDING = """SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relname = ANY(:names) AND relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY relkind = 'v', relname"""
# An index or sequence of a table that moves goes with it.
_COLLIDING_LATER = """SELECT relname, relkind FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY(:names)
    AND relkind IN ('i', 'I', 'S') ORDER BY relname"""
_COLLIDING_TYPES = """SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
    AND typname = ANY(:names) AND typtype IN ('e', 'd', 'r') ORDER BY typname"""
_KINDS = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}
_LATER_KINDS = {"i": "INDEX", "I": "INDEX", "S": "SEQUENCE"}


def clear_names(connection: Connection) -> None:
    """Move or rename what collides with the migrations, if the database is the older service's.

    Raises OperationalError if other transactions hold the tables during all attempts.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with connection.begin():
                moved = _move(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE or attempt == _ATTEMPTS:
                raise
            logger.warning(
                "the older service holds a lock on a table that has to be moved",
                extra={"attempt": attempt},
            )
            time.sleep(_PAUSE_S)
        else:
            if moved:
                logger.warning(
                    "tables of the older service were moved to schema legacy, where it finds "
                    "them with search_path = legacy, public",
                    extra={"moved": moved},
                )
            return


def _move(connection: Connection) -> list[str]:
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    if (
        connection.execute(text(_IS_OURS)).scalar_one()
        or not connection.execute(text(_IS_OLD)).scalar_one()
    ):
        return []
    moved: list[str] = []
    for name, kind in connection.execute(text(_COLLIDING), {"names": _names()}).all():
        if not moved:
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS legacy"))
        connection.execute(
            text(f"ALTER {_KINDS[_letter(kind)]} public.{quoted(name)} SET SCHEMA legacy")
        )
        moved.append(name)
    for name, kind in connection.execute(text(_COLLIDING_LATER), {"names": _names()}).all():
        old_name = quoted(f"{name[:55]}_legacy")
        connection.execute(
            text(f"ALTER {_LATER_KINDS[_letter(kind)]} public.{quoted(name)} RENAME TO {old_name}")
        )
        moved.append(name)
    for name in connection.execute(text(_COLLIDING_TYPES), {"names": _names()}).scalars().all():
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS legacy"))
        connection.execute(text(f"ALTER TYPE public.{quoted(name)} SET SCHEMA legacy"))
        moved.append(name)
    return moved


def _letter(kind: str | bytes) -> str:
    """Decode PostgreSQL's type "char", which some drivers return as bytes."""
    return kind.decode() if isinstance(kind, bytes) else kind


def _names() -> list[str]:
    """List the names that the migrations create: tables, sequences, indexes, constraints."""
    names = ["alembic_version", "alembic_version_pkc"]
    for table in Base.metadata.tables.values():
        names += [table.name, f"{table.name}_id_seq", *(str(index.name) for index in table.indexes)]
        names += [str(constraint.name) for constraint in table.constraints if constraint.name]
    return names
