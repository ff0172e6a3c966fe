"""Codes and tokens of the simulated Strava.

A token is signed with the client secret and contains its grant, so it survives a restart of the
simulator as a real one would. Only used, expired and revoked tokens are kept in memory.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from runtime.clock import utc_now
from strava_simulator.refusal import (
    ATHLETE_LIMIT,
    BAD_CODE,
    BAD_REFRESH_TOKEN,
    BAD_TOKEN,
    Refusal,
    RequestRefused,
)

Kind = Literal["access", "refresh"]


@dataclass(frozen=True, slots=True)
class AthleteGrant:
    """What an athlete allowed the application."""

    athlete_id: int
    scopes: frozenset[str]


@dataclass(slots=True)
class Tokens:
    """Issues and checks codes and tokens. Access tokens are valid for `lifetime_s` seconds."""

    secret: str
    lifetime_s: float
    clock: Callable[[], datetime] = utc_now
    _codes: dict[str, AthleteGrant] = field(default_factory=dict)
    _grants: dict[int, AthleteGrant] = field(default_factory=dict)
    # By athlete and kind: tokens with a lower number are invalid.
    _void_below: Counter[tuple[int, Kind]] = field(default_factory=Counter)

    def grant_of(self, athlete_id: int) -> AthleteGrant | None:
        """What the athlete allows now; None if nothing is known since the simulator started."""
        return self._grants.get(athlete_id)

    @property
    def connected(self) -> int:
        """Number of athletes with a grant."""
        return len(self._grants)

    def new_code(self, athlete_id: int, scopes: Iterable[str]) -> str:
        """Create a code that can be exchanged once."""
        code = secrets.token_hex(20)
        self._codes[code] = AthleteGrant(athlete_id, frozenset(scopes))
        return code

    def exchange(
        self, code: str, is_full_for: Callable[[int], bool]
    ) -> tuple[AthleteGrant, dict[str, Any]]:
        """The grant behind a code, and Strava's token fields. Raises RequestRefused.

        `is_full_for` tells whether an athlete would exceed the limit.
        """
        grant = self._codes.pop(code, None)
        if grant is None:
            raise RequestRefused(BAD_CODE)
        if is_full_for(grant.athlete_id):
            raise RequestRefused(ATHLETE_LIMIT)
        return grant, self._pair(grant)

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Exchange a refresh token, valid once, for new token fields. Raises RequestRefused."""
        return self._pair(self._read(refresh_token, "refresh", BAD_REFRESH_TOKEN))

    def check(self, access_token: str) -> AthleteGrant:
        """What an access token grants. Raises RequestRefused."""
        return self._read(access_token, "access", BAD_TOKEN)

    def owner_of(self, token: str) -> int | None:
        """The athlete of a token of either kind; None if it is not valid."""
        for kind in ("access", "refresh"):
            try:
                return self._read(token, kind, BAD_TOKEN).athlete_id
            except RequestRefused:
                continue
        return None

    def expire(self, athlete_id: int) -> None:
        """Expire the athlete's access tokens now."""
        self._void_below[athlete_id, "access"] = time.time_ns()

    def revoke(self, athlete_id: int) -> None:
        """End all tokens and the grant."""
        self._grants.pop(athlete_id, None)
        self._void_below[athlete_id, "access"] = self._void_below[athlete_id, "refresh"] = (
            time.time_ns()
        )

    def _pair(self, grant: AthleteGrant) -> dict[str, Any]:
        self._grants[grant.athlete_id] = grant
        number = time.time_ns()
        expires_at = self.clock().timestamp() + self.lifetime_s
        # Rotation: only the newest refresh token is valid.
        self._void_below[grant.athlete_id, "refresh"] = number
        return {
            "token_type": "Bearer",
            "expires_at": int(expires_at),
            "expires_in": int(self.lifetime_s),
            "refresh_token": self._sign("refresh", grant, number, 0),
            "access_token": self._sign("access", grant, number, expires_at),
        }

    def _sign(self, kind: Kind, grant: AthleteGrant, number: int, expires_at: float) -> str:
        claims = orjson.dumps([kind, grant.athlete_id, sorted(grant.scopes), number, expires_at])
        return base64.urlsafe_b64encode(self._signature(claims) + claims).decode().rstrip("=")

    def _signature(self, claims: bytes) -> bytes:
        return hmac.digest(self.secret.encode(), claims, hashlib.sha256)

    def _read(self, token: str, kind: Kind, refusal: Refusal) -> AthleteGrant:
        claims = self._claims(token)
        if claims is None or claims[0] != kind:
            raise RequestRefused(refusal)
        _, athlete_id, scopes, number, expires_at = claims
        expired = kind == "access" and self.clock().timestamp() >= expires_at
        if expired or number < self._void_below[athlete_id, kind]:
            raise RequestRefused(refusal)
        return self._grants.setdefault(athlete_id, AthleteGrant(athlete_id, frozenset(scopes)))

    def _claims(self, token: str) -> list[Any] | None:
        try:
            signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (ValueError, binascii.Error):
            return None
        size = hashlib.sha256().digest_size
        signature, claims = signed[:size], signed[size:]
        genuine = hmac.compare_digest(signature, self._signature(claims))
        return orjson.loads(claims) if genuine else None
