"""The clocks that jobs and the Strava client go by. A simulation of months puts others in their place."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

# Linux's other monotonic clock stands still while the machine sleeps.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` gives the time, aware UTC; `steady_s` the seconds of a clock that never jumps."""

    now: Callable[[], datetime]
    steady_s: Callable[[], float]


_OF_MACHINE = Clock(lambda: datetime.now(UTC), lambda: time.clock_gettime(_STEADY))
CLOCK: ContextVar[Clock] = ContextVar("clock", default=_OF_MACHINE)


def utc_now() -> datetime:
    """Get the time, aware UTC."""
    return CLOCK.get().now()
