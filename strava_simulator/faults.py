"""Faults on demand: what the next answers of chosen paths shall be instead."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal

from strava.simulator.refusal import (
    ATHLETE_LIMIT,
    BAD_TOKEN,
    INACTIVE,
    RATE_LIMITED,
    SERVER_ERROR,
    UNAVAILABLE,
    Refusal,
    missing_scope,
    not_found,
)

FaultKind = Literal[
    "rate_limited",
    "rate_limited_day",
    "unauthorized",
    "missing_scope",
    "inactive",
    "athlete_limit",
    "not_found",
    "server_error",
    "unavailable",
    "bad_json",
    "slow",
]
REFUSALS: dict[FaultKind, Refusal] = {
    "rate_limited": RATE_LIMITED,
    "rate_limited_day": RATE_LIMITED,
    "unauthorized": BAD_TOKEN,
    "missing_scope": missing_scope(),
    "inactive": INACTIVE,
    "athlete_limit": ATHLETE_LIMIT,
    "not_found": not_found("resource"),
    "server_error": SERVER_ERROR,
    "unavailable": UNAVAILABLE,
}


@dataclass(slots=True)
class Fault:
    """Answer requests whose path matches `path` with `kind`, `times` often (None: until cleared), after `skip`."""

    kind: FaultKind
    path: re.Pattern[str]
    times: int | None = None
    skip: int = 0
    delay_s: float = 0

    def take(self, path: str) -> bool:
        """Whether this request is struck; counts it."""
        if self.times == 0 or not self.path.search(path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults in force, in the order in which they were set."""

    faults: list[Fault] = field(default_factory=list)

    async def strike(self, path: str) -> FaultKind | None:
        """The kind of the first fault that strikes other than "slow"; waits for the delays of those before it."""
        for fault in list(self.faults):
            if not fault.take(path):
                continue
            await asyncio.sleep(fault.delay_s)
            if fault.kind != "slow":
                return fault.kind
        return None
