"""Meters what a transaction does in the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from db.backend_cpu import BackendClock
from db.statement_watch import BackendKey, StatementWatch
from runtime.work_meter import WorkMeter

_ROUND_TRIPS_MS = 1.0
"""Milliseconds of a transaction that its messages take, not PostgreSQL."""


@contextmanager
def metered(
    meter: WorkMeter, watch: StatementWatch, key: BackendKey, clock: BackendClock
) -> Iterator[None]:
    """Add the work of the block, a transaction on the connection of the backend `key`."""
    watch.begin(key)
    before_ms, cpu_before_ms = meter.total_ms, clock.ms()
    meter.count_transaction()
    try:
        with meter.timing(free_ms=_ROUND_TRIPS_MS):
            yield
    finally:
        # what waited for a lock may have been left out already
        waited_ms = 1000 * watch.end(key)
        meter.add(-min(waited_ms, meter.total_ms - before_ms))
        cpu_ms = clock.since(cpu_before_ms)
        if cpu_ms is not None:
            meter.add_idle(meter.total_ms - before_ms - cpu_ms)
            meter.knows_cpu = True
