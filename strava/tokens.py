"""The tokens with which Strava lets the application act for an athlete."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from strava.payloads import StravaAthlete


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, and the only refresh token that works from now on.

    `expires_at` is aware UTC.
    """

    access_token: SecretStr
    refresh_token: SecretStr
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a new connection brings. The scopes granted stand in the callback's query, not here."""

    tokens: TokenPair
    athlete: StravaAthlete
