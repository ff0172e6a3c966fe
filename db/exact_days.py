"""Makes asyncpg send and read every day as it is.

By itself it sends 9999-12-31 as infinity, which has no day before it: a period of days that ends
there would begin at infinity too, and a series of them would never end.
"""

from datetime import date
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_FIRST = date(2000, 1, 1).toordinal()
"""The day that PostgreSQL counts from."""


def send_days_as_they_are(engine: AsyncEngine) -> None:
    """Make it so on all connections of the engine."""
    event.listen(engine.sync_engine, "connect", _prepare)


def _prepare(connection: Any, _: Any) -> None:
    connection.run_async(
        lambda driver: driver.set_type_codec(
            "date", schema="pg_catalog", format="tuple", encoder=_encode, decoder=_decode
        )
    )


def _encode(day: date) -> tuple[int]:
    return (day.toordinal() - _FIRST,)


def _decode(given: tuple[int]) -> date:
    """Infinity, which no row of ours has, is the nearest day that Python knows."""
    ordinal = _FIRST + given[0]
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal()))
