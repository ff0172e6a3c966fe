"""The connection by which the checks of `pacegraph doctor` read the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from db.session import SyncDatabase
from settings import Settings


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """Open a transaction that reads, on a connection of its own. Raises DatabaseError."""
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            yield connection
    finally:
        database.close()
