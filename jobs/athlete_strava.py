"""Strava as one job uses it for one athlete."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from pydantic import SecretStr

from db.errors import DatabaseError
from db.statements.strava import strava_connection, strava_trouble
from jobs.attempt import Attempt
from jobs.strava_tokens import usable_token
from jobs.sync_budget import RequestBudget
from jobs.task_services import TaskServices
from jobs.token_refresh import TokenRefresh
from strava.bounded_exchange import interrupted_by
from strava.client import StravaClient
from strava.errors import (
    StravaError,
    StravaRateLimited,
    StravaTooLarge,
    StravaTooSlow,
    StravaUnauthorized,
    StravaUnreadable,
)
from strava.shared_quota.gate import QuotaAsker

AGAIN_AFTER_S = (0.3, 1.0)
"""Seconds before an answer that cannot be one is asked for again."""
_LOOK_EVERY_S = 0.1
_TOKEN_KEPT_S = 1.0
"""Seconds for which a token is used without a look whether it was refreshed, or the athlete left.

What is written looks itself, and a token that Strava refuses is looked up at once.
"""
_TROUBLES: dict[type[StravaError], str] = {
    StravaTooSlow: "too_slow",
    StravaTooLarge: "too_large",
    StravaUnreadable: "unreadable",
}

Answer = TypeVar("Answer")
Request = Callable[[StravaClient, SecretStr], Answer]

logger = logging.getLogger(__name__)


class AthleteStrava:
    """Makes requests to Strava with the athlete's tokens.

    `budget` bounds the requests of the athlete's syncs. `meanwhile` is called a few times a second
    while an answer is waited for; it may write, and raise what ends the attempt.
    """

    def __init__(
        self,
        attempt: Attempt,
        services: TaskServices,
        athlete_id: int,
        *,
        first: int | None = None,
    ) -> None:
        """`first` is as in `go_first`."""
        services.quota.is_forced = attempt.is_forced
        attempt.quota_wait_s = services.quota.wait_s
        self._attempt = attempt
        self._services = services
        self._athlete_id = athlete_id
        self._token: tuple[float, SecretStr] | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.budget = RequestBudget(services.settings, services.database, athlete_id)
        self.go_first(first)

    def go_first(self, first: int | None) -> None:
        """Let the next `first` requests go before backfills, None: all; the others are one."""
        self._services.quota.asker = QuotaAsker(str(self._athlete_id), first)

    def ask(
        self, request: Request[Answer], *, patient: bool = True, charged: bool = False
    ) -> Answer:
        """Make a request that changes nothing at Strava; a rejected token is refreshed once.

        With `patient`, an answer that is something else, such as a page of HTML, is asked for again
        a moment later. With `charged`, the athlete's budget of syncs pays. Raises as `request`,
        StravaNotConnected, SyncBudgetSpent, and what ends the attempt.
        """
        for pause_s in AGAIN_AFTER_S if patient else ():
            try:
                return self._ask_once(request, charged=charged)
            except StravaUnreadable:
                self._attempt.pause(pause_s)
        return self._ask_once(request, charged=charged)

    def _ask_once(self, request: Request[Answer], *, charged: bool) -> Answer:
        token = self.token()
        if charged:
            self.budget.spend()
        try:
            return self._ask(request, token)
        except StravaRateLimited:
            # The athlete pays for what was asked, not for each of others' turns.
            self.budget.take_back()
            raise
        except StravaUnauthorized as error:
            if error.what != "access token":
                raise
        finally:
            self.budget.used()
        return self._ask(request, self.token(refused=token))

    def token(self, *, refused: SecretStr | None = None) -> SecretStr:
        """Get a token that works for 5 more minutes, other than `refused` if Strava has another.

        It answers a refresh with the same one while that has more than an hour left. A refresh is
        waited for as long as for any answer of Strava, and then goes on. Raises as `access_token`,
        StravaTooSlow, and what ends the attempt.
        """
        now = time.monotonic()
        if refused is None and self._token is not None and now < self._token[0] + _TOKEN_KEPT_S:
            return self._token[1]
        self._token = None
        timeout_s = self._services.settings.strava_timeout_s
        until = now + timeout_s
        is_refreshed = False
        while (token := self._stored_token(refused, is_refreshed=is_refreshed)) is None:
            settings, since = self._services.settings, self._attempt.started_at
            refresh = TokenRefresh(settings, self._athlete_id, refused, since)
            try:
                while not refresh.has_ended(_LOOK_EVERY_S):
                    self._look()
                    if time.monotonic() > until:
                        logger.warning("new tokens come late; a process goes on waiting for them")
                        raise StravaTooSlow(timeout_s)
                is_refreshed = True
            finally:
                refresh.leave()
        self._token = time.monotonic(), token
        return token

    def _stored_token(
        self, refused: SecretStr | None, *, is_refreshed: bool = False
    ) -> SecretStr | None:
        """Get the stored token; None if it has to be refreshed, which is done once."""
        self._attempt.check()
        with self._services.database.read() as connection:
            row = connection.execute(
                strava_connection.tokens(), {"athlete": self._athlete_id}
            ).one_or_none()
        # What an earlier attempt of the job was refused is not asked for again.
        since = self._attempt.started_at
        keys, athlete_id = self._services.keys, self._athlete_id
        token = usable_token(keys, row, athlete_id, refused, since)
        if token is None and is_refreshed and row is not None:
            return keys.decrypt(row.access_token)
        return token

    def _ask(self, request: Request[Answer], token: SecretStr) -> Answer:
        attempt = self._attempt
        attempt.check()
        try:
            with attempt.stop.interruptible(attempt.job_id), interrupted_by(self._look):
                return request(self._services.strava, token)
        except tuple(_TROUBLES) as error:
            self._count(error)
            raise

    def _look(self) -> None:
        self._attempt.check()
        self.meanwhile()

    def _count(self, error: StravaError) -> None:
        """Log and count an answer that was too slow, too large or something else."""
        kind = next(name for each, name in _TROUBLES.items() if isinstance(error, each))
        logger.warning("a bad answer of Strava", extra={"trouble": kind, "error": str(error)})
        try:
            with self._services.database.write() as connection:
                connection.execute(strava_trouble.count(), {"trouble": kind})
        except DatabaseError as failure:
            logger.warning("could not count it", extra={"error": str(failure)})
