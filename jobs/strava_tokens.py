"""An athlete's stored token pair: encrypted, and whether it still works.

strava.errors.StravaError
└── StravaNotConnected      the athlete is not, or no longer, connected
"""

from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Row

from db.encryption import KeyRing
from runtime.clock import utc_now
from strava.errors import StravaError, StravaUnauthorized
from strava.tokens import TokenPair

_REFRESH_AHEAD = timedelta(minutes=5)


class StravaNotConnected(StravaError):
    """The athlete `athlete_id` is not connected to Strava."""

    code = "STRAVA_UNAUTHORIZED"

    def __init__(self, athlete_id: int) -> None:
        super().__init__("the athlete is not connected to Strava")
        self.athlete_id = athlete_id


def encrypted(keys: KeyRing, pair: TokenPair) -> dict[str, Any]:
    """Values of the parameters with which statements write a token pair."""
    return {
        "new_access_token": keys.encrypt(pair.access_token),
        "new_refresh_token": keys.encrypt(pair.refresh_token),
        "new_expires_at": pair.expires_at,
    }


def usable_token(
    keys: KeyRing,
    row: Row[Any] | None,
    athlete_id: int,
    refused: SecretStr | None,
    since: datetime | None = None,
) -> SecretStr | None:
    """Get the access token of `row` if it is valid for 5 more minutes and not `refused`.

    Raises StravaNotConnected without a row, and StravaUnauthorized if there is no such token and
    Strava has refused to renew it since `since`.
    """
    if row is None:
        raise StravaNotConnected(athlete_id)
    if row.token_expires_at > utc_now() + _REFRESH_AHEAD:
        token = keys.decrypt(row.access_token)
        if token != refused:
            return token
    if since is not None and row.refused_at is not None and row.refused_at >= since:
        raise StravaUnauthorized("refresh token")
    return None
