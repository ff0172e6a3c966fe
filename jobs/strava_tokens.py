"""An athlete's access to Strava: tokens, refreshed under a lock, and requests made with them.

strava.errors.StravaError
└── StravaNotConnected      the athlete has no connection (any more)
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import Row

from db.encryption import KeyRing
from db.session import SyncDatabase
from db.statements import strava_connection
from jobs.attempt import Attempt
from jobs.services import Services
from strava.client import StravaClient, TokenPair
from strava.errors import StravaError, StravaUnauthorized

__all__ = ["AthleteStrava", "StravaNotConnected", "access_token", "encrypted"]

_REFRESH_AHEAD = timedelta(minutes=5)

Answer = TypeVar("Answer")


class StravaNotConnected(StravaError):  # noqa: N818 - the name says what is the case
    """The athlete `athlete_id` is not connected to Strava."""

    code = "STRAVA_UNAUTHORIZED"

    def __init__(self, athlete_id: int) -> None:
        super().__init__("the athlete is not connected to Strava")
        self.athlete_id = athlete_id


def encrypted(keys: KeyRing, pair: TokenPair) -> dict[str, Any]:
    """Values of the parameters by which statements write a token pair."""
    return {
        "new_access_token": keys.encrypt(pair.access_token),
        "new_refresh_token": keys.encrypt(pair.refresh_token),
        "new_expires_at": pair.expires_at,
    }


def access_token(
    database: SyncDatabase, client: StravaClient, keys: KeyRing, athlete_id: int, *, refused: SecretStr | None = None
) -> SecretStr:
    """Get a token that works for 5 minutes or longer; `refused` is one that Strava took for expired too early.

    A refresh spends the stored pair, so it happens under the row's lock, and the new pair is committed before it is
    used: of two workers that need one at once the second finds the first's. Raises StravaNotConnected, and what
    `StravaClient.refresh` raises.
    """
    with database.read() as connection:
        row = connection.execute(strava_connection.tokens(), {"athlete": athlete_id}).one_or_none()
    if token := _usable(keys, row, athlete_id, refused):
        return token
    with database.write() as connection:
        row = connection.execute(strava_connection.tokens(lock=True), {"athlete": athlete_id}).one_or_none()
        if token := _usable(keys, row, athlete_id, refused):
            return token
        assert row is not None
        pair = client.refresh(keys.decrypt(row.refresh_token))
        connection.execute(strava_connection.store_tokens(), {"athlete": athlete_id, **encrypted(keys, pair)})
    return pair.access_token


def _usable(keys: KeyRing, row: Row[Any] | None, athlete_id: int, refused: SecretStr | None) -> SecretStr | None:
    if row is None:
        raise StravaNotConnected(athlete_id)
    if row.token_expires_at <= datetime.now(UTC) + _REFRESH_AHEAD:
        return None
    token = keys.decrypt(row.access_token)
    return None if token == refused else token


class AthleteStrava:
    """Strava as one job asks it for one athlete."""

    def __init__(self, attempt: Attempt, services: Services, athlete_id: int) -> None:
        self._attempt = attempt
        self._services = services
        self._athlete_id = athlete_id

    def ask(self, request: Callable[[StravaClient, SecretStr], Answer]) -> Answer:
        """Make a request that changes nothing at Strava; a refused token is refreshed once.

        Raises as `request`, StravaNotConnected, and what ends the attempt.
        """
        token = self.token()
        try:
            return self._ask(request, token)
        except StravaUnauthorized as error:
            if error.what != "access token":
                raise
        return self._ask(request, self.token(refused=token))

    def token(self, *, refused: SecretStr | None = None) -> SecretStr:
        self._attempt.check()
        services = self._services
        return access_token(services.database, services.strava, services.keys, self._athlete_id, refused=refused)

    def _ask(self, request: Callable[[StravaClient, SecretStr], Answer], token: SecretStr) -> Answer:
        self._attempt.check()
        with self._attempt.stop.interruptible(self._attempt.job_id):
            return request(self._services.strava, token)
