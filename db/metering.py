"""Meters what a transaction does in the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from db.backend_cpu import clock_of
from db.new_connections import uncharged_of
from db.statement_watch import BackendKey, StatementWatch
from runtime.work_meter import Timed, WorkMeter

_ROUND_TRIPS_MS = 1.0
"""Milliseconds of a transaction that its messages take, not PostgreSQL."""


@contextmanager
def metered(
    meter: WorkMeter, watch: StatementWatch, key: BackendKey, connection: AsyncConnection
) -> Iterator[None]:
    """Add the work of the block, a transaction on a connection, of the backend `key`."""
    watch.begin(key)
    clock, uncharged = clock_of(connection), uncharged_of(connection)  # it may be ended
    cpu_before_ms, timed = clock.ms(), Timed()
    meter.count_transaction()
    try:
        with meter.timing(timed, free_ms=_ROUND_TRIPS_MS):
            yield
    finally:
        # what waited for a lock may have been left out already
        waited_ms = min(1000 * watch.end(key), timed.ms)
        worked_ms = timed.ms - waited_ms
        cpu_ms = clock.since(cpu_before_ms)
        if cpu_ms is not None:
            meter.add_idle(worked_ms - cpu_ms)
            meter.knows_cpu = True
            worked_ms = min(worked_ms, cpu_ms)
        meter.add(-waited_ms - uncharged.take(worked_ms))
