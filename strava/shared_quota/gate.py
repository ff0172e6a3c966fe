"""Stands before the client's requests: reserves each, and settles it by the answer's headers."""

import logging
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from secrets import token_hex
from typing import Self

from redis import Redis

from db.errors import DatabaseError
from db.session import SyncDatabase
from runtime.clock import utc_now
from settings import Settings
from strava.errors import StravaRateLimited, StravaTurnOver
from strava.quota_headers import quota_from_headers
from strava.shared_quota.backfill_wait import quota_wait_s
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.limits import Numbers, Told
from strava.shared_quota.question import AnsweredCall, Granted, QuotaAnswer, QuotaAsk, Refused
from strava.shared_quota.rules import QuotaRules
from strava.shared_quota.steady_clock import steady_clock
from strava.shared_quota.store import DatabaseCopy, RedisValue, SharedLedger

_FIRST_ANSWER_WITHIN_S = 30.0
_JITTER_S = 2.0
_CALL_MARGIN_S = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QuotaAsker:
    """Whose requests they are: of a backfill of `athlete`, or, without one, of what goes first.

    The first `first` requests of a backfill go first too; None: none of it is a backfill.
    """

    athlete: str
    first: int | None = 0


class GatedRequest:
    """A request that was granted. The client tells it of the answer."""

    def __init__(self) -> None:
        self.answer: QuotaAnswer | None = None

    @property
    def is_refused(self) -> bool:
        """Whether Strava answered that the quota is used up."""
        return self.answer is not None and self.answer.is_429

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what the answer's head tells. `headers` must ignore case."""
        quota = quota_from_headers(headers, utc_now())
        self.answer = QuotaAnswer(
            _date(headers),
            Told.from_quota(quota) if quota else None,
            status == HTTPStatus.TOO_MANY_REQUESTS,
        )


class QuotaGate:
    """The quota as one job uses it. `asker` is whose requests are made from now on."""

    def __init__(self, ledger: SharedLedger, rules: QuotaRules) -> None:
        self._ledger = ledger
        self._rules = rules
        self.asker: QuotaAsker | None = None
        self.is_forced = False
        """Whether the next request is made even if nothing seems to be left."""
        self.last: Ledger | None = None
        """The ledger after the last request."""
        self._answered: AnsweredCall | None = None
        """A request that is settled together with the next one."""

    @classmethod
    def from_settings(cls, settings: Settings, database: SyncDatabase, redis: Redis) -> Self:
        """Raises InvalidSettings without the application's id."""
        settings.require("strava_client_id")
        application, rules = settings.strava_client_id or "", quota_rules(settings)
        shared, copy = RedisValue(redis, application), DatabaseCopy(database, application)
        return cls(SharedLedger(shared, copy, rules, steady_clock), rules)

    @contextmanager
    def request(self, *, read: bool) -> Iterator[GatedRequest]:
        """Make one request in the block.

        Raises StravaRateLimited or StravaTurnOver if it may not be made now, and DatabaseError.
        """
        call = token_hex(16)
        self._reserve(QuotaAsk(call, read, self._backfill_of(), forced=self.is_forced))
        self.is_forced = False
        request = GatedRequest()
        try:
            yield request
        finally:
            self._settle(AnsweredCall(call, request.answer))

    def refusal(self, *, read: bool) -> StravaRateLimited | None:
        """Get the error after a 429 that was settled; None if the ledger knows no reason."""
        if self.last is None:
            return None
        ask = QuotaAsk("", read, self._backfill_of())
        refused = self.last.refusal_of(ask, self._rules)
        return None if refused is None else self._error(refused)

    def wait_s(self, requests: int) -> float:
        """Estimate how long the quota takes for as many requests of a backfill; 0: not at all."""
        return 0.0 if self.last is None else quota_wait_s(self.last, requests, self._rules)

    def settle_rest(self) -> None:
        """Settle what waits for a next request: there is none. Raises nothing."""
        if self._answered is None:
            return
        try:
            self._settle_now(self._answered)
        except Exception:
            logger.warning("a request to Strava is not settled", exc_info=True)

    def end(self) -> None:
        """Note that the job has ended, so that nothing waits for its athlete's turn."""
        if self.asker is not None and self.last is not None:
            self._ledger.leave(self.asker.athlete)

    def _backfill_of(self) -> str | None:
        asker = self.asker
        return asker.athlete if asker is not None and asker.first == 0 else None

    def _reserve(self, ask: QuotaAsk) -> None:
        until = time.monotonic() + _FIRST_ANSWER_WITHIN_S
        while True:
            decision, self.last = self._ledger.reserve(ask, self._answered)
            self._answered = None
            if isinstance(decision, Granted):
                break
            if decision.reason != "first answer" or time.monotonic() > until:
                raise self._error(decision)
            time.sleep(decision.wait_s)
        if self.asker is not None and self.asker.first:
            self.asker = replace(self.asker, first=self.asker.first - 1)

    def _settle(self, answered: AnsweredCall) -> None:
        """Settle now; a backfill's, of which the next request follows soon, together with that."""
        answer = answered.answer
        is_usual = answer is not None and answer.told is not None and not answer.is_429
        is_heard = self.last is not None and self.last.is_heard  # else others wait for it
        if is_usual and is_heard and self._backfill_of() is not None:
            self._answered = answered
        else:
            self._settle_now(answered)

    def _settle_now(self, answered: AnsweredCall) -> None:
        """Settle, or leave it: what is not settled counts as used."""
        try:
            self.last = self._ledger.settle(answered)
        except DatabaseError as error:
            logger.warning("a request to Strava is not settled", extra={"error": str(error)})
        else:
            self._answered = None

    def _error(self, refused: Refused) -> StravaRateLimited:
        wait_s = refused.wait_s + random.uniform(0, _JITTER_S)  # noqa: S311 - not all at once
        retry_at = datetime.fromtimestamp(refused.until_s, UTC)
        kind = StravaTurnOver if refused.reason == "turn" else StravaRateLimited
        return kind(retry_at, timedelta(seconds=wait_s))


def quota_rules(settings: Settings) -> QuotaRules:
    quarter_hour, day = (
        settings.strava_quota_assumed_quarter_hour,
        settings.strava_quota_assumed_day,
    )
    return QuotaRules(
        Numbers(quarter_hour, day, quarter_hour, day),
        settings.strava_quota_reserve_percent,
        settings.strava_quota_turn,
        settings.strava_timeout_s + _CALL_MARGIN_S,
    )


def _date(headers: Mapping[str, str]) -> float | None:
    """Read `Date` as POSIX time; None if it is absent or no date."""
    try:
        moment = parsedate_to_datetime(headers["Date"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
