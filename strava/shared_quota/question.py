"""What is asked of the ledger, what it answers, and what answers of Strava tell it.

Times are Strava's, POSIX seconds; `wait_s` are seconds from now on any clock.
"""

from dataclasses import dataclass
from typing import Literal

from strava.shared_quota.limits import Told


@dataclass(frozen=True, slots=True)
class QuotaAsk:
    """Asks for one request, named `call`. `read`: it is a GET.

    `athlete` is whom a backfill is of; None for what goes first: webhooks and incremental syncs.
    `forced`: a person let the job go on before its time, so Strava is asked what is left.
    """

    call: str
    read: bool
    athlete: str | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """The request may be made; with `must_keep` once PostgreSQL knows of it."""

    must_keep: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The request may not be made for `wait_s` seconds; at Strava it is `until_s` then.

    "first answer": nothing is known yet, and another request finds out.
    """

    reason: Literal["quota", "turn", "first answer"]
    wait_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class QuotaAnswer:
    """What an answer tells: its `Date`, its headers if they can be read, and whether it was 429."""

    date_s: float | None
    told: Told | None
    is_429: bool


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A request that was granted, and its answer; None if there is none."""

    call: str
    answer: QuotaAnswer | None
