"""A worker whose machine has another clock than PostgreSQL's and Strava's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from runtime.clock import CLOCK, Clock


@contextmanager
def clock_ahead(ahead: timedelta) -> Iterator[None]:
    """Let the jobs of this context run with such a clock; behind, if it is negative."""
    token = CLOCK.set(Clock(lambda: datetime.now(UTC) + ahead, time.monotonic))
    try:
        yield
    finally:
        CLOCK.reset(token)
