"""Faults on demand: other answers to the next requests for chosen paths."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal

from strava_simulator.refusal import (
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
    "rate_limited_bare",
    "unauthorized",
    "missing_scope",
    "inactive",
    "athlete_limit",
    "not_found",
    "server_error",
    "unavailable",
    "bad_json",
    "forbidden_page",
    "not_found_page",
    "slow",
    "late",
    "drip",
    "cut",
    "cut_gzip",
    "huge",
    "huge_gzip",
    "empty_object",
    "empty_list",
    "empty_body",
    "other_object",
    "other_list",
]
PAGE_STATUSES: dict[FaultKind, int] = {
    "bad_json": 200,
    "forbidden_page": 403,
    "not_found_page": 404,
}
"""Statuses of a page of HTML in place of the answer. Kinds that are neither here nor in REFUSALS spoil
an answer (`strava_simulator/spoiled_answer.py`) or its time (`strava_simulator/gate.py`).
"""
REFUSALS: dict[FaultKind, Refusal] = {
    "rate_limited": RATE_LIMITED,
    "rate_limited_day": RATE_LIMITED,
    "rate_limited_bare": RATE_LIMITED,
    "unauthorized": BAD_TOKEN,
    "missing_scope": missing_scope(),
    "inactive": INACTIVE,
    "athlete_limit": ATHLETE_LIMIT,
    "not_found": not_found("resource"),
    "server_error": SERVER_ERROR,
    "unavailable": UNAVAILABLE,
}


@dataclass(slots=True)
class InjectedFault:
    """Lets the first `skip` requests that match `path` through, then spoils `times` of them by `kind`.

    `times` None means until cleared. `delay_s` is before the request is carried
    out, of `late` after that, of `drip` between its bytes; `size_bytes` is of the huge ones.
    """

    kind: FaultKind
    path: re.Pattern[str]
    times: int | None = None
    skip: int = 0
    delay_s: float = 0
    size_bytes: int = 0

    def consume(self, path: str) -> bool:
        """Count this request if it matches; tell whether the fault applies to it."""
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
    """The active faults, in the order in which they were set."""

    faults: list[InjectedFault] = field(default_factory=list)

    async def apply(self, path: str) -> InjectedFault | None:
        """Get the fault that answers this request, or None.

        Waits the delays of those that apply, but of `late` and `drip`, whose delays come later.
        """
        for fault in list(self.faults):
            if not fault.consume(path):
                continue
            if fault.kind not in {"late", "drip"}:
                await asyncio.sleep(fault.delay_s)
            if fault.kind != "slow":
                return fault
        return None
