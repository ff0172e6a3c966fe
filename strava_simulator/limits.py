"""The simulated rate limits: counts requests in Strava's windows, and reports them in headers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from runtime.clock import utc_now
from strava.quota_headers import next_day, next_quarter_hour

# Reported without a limit, so that the headers exist; out of reach of tests and demos.
_UNLIMITED = (1_000_000, 10_000_000)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests allowed per application, in 15 minutes and in a day. None is no limit."""

    overall_quarter_hour: int | None = None
    overall_day: int | None = None
    read_quarter_hour: int | None = None
    read_day: int | None = None

    def reported(self, *, read: bool) -> tuple[int, int]:
        """The limits as a header reports them."""
        quarter_hour = self.read_quarter_hour if read else self.overall_quarter_hour
        day = self.read_day if read else self.overall_day
        return (
            _UNLIMITED[0] if quarter_hour is None else quarter_hour,
            _UNLIMITED[1] if day is None else day,
        )


@dataclass(slots=True)
class RateLimiter:
    """Counts requests, including those over the limit, as Strava does.

    `clock` gives aware times.
    """

    limits: RateLimits = field(default_factory=RateLimits)
    clock: Callable[[], datetime] = utc_now
    # By read or not: requests in the current quarter hour and in the current day.
    _used: dict[bool, list[int]] = field(default_factory=lambda: {False: [0, 0], True: [0, 0]})
    _ends: list[datetime] = field(default_factory=list)

    def count(self, *, read: bool) -> bool:
        """Count a request; returns whether it is within the limits."""
        self._restart_windows()
        kinds = (False, True) if read else (False,)
        for kind in kinds:
            self._used[kind][0] += 1
            self._used[kind][1] += 1
        return all(
            used <= limit
            for kind in kinds
            for used, limit in zip(self._used[kind], self.limits.reported(read=kind), strict=True)
        )

    def set(self, limits: RateLimits, used: int | None = None) -> None:
        """Change the limits; with `used`, the counts of all windows too."""
        self.limits = limits
        if used is not None:
            self._used = {False: [used, used], True: [used, used]}

    def headers(self, exhausted: int | None = None) -> dict[str, str]:
        """The four headers.

        `exhausted` (0: the 15 minutes, 1: the day) is reported as used up regardless of the count.
        """
        self._restart_windows()
        headers = {}
        for read, prefix in ((False, "x-ratelimit"), (True, "x-readratelimit")):
            limits, used = self.limits.reported(read=read), list(self._used[read])
            if exhausted is not None:
                used[exhausted] = limits[exhausted]
            headers[f"{prefix}-limit"] = "{},{}".format(*limits)
            headers[f"{prefix}-usage"] = "{},{}".format(*used)
        return headers

    def _restart_windows(self) -> None:
        now = self.clock()
        for window, end in enumerate(self._ends):
            if now >= end:
                self._used[False][window] = self._used[True][window] = 0
        self._ends = [next_quarter_hour(now), next_day(now)]
