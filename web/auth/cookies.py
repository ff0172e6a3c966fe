"""Cookies of the session, and of each sign-in in progress.

They are signed, HttpOnly and SameSite=Lax. If the API's URL is https, they are Secure and their
names begin with `__Host-`, so that no other host of the domain and no http page can set them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from itertools import islice
from secrets import token_urlsafe
from typing import Any

import jwt
from starlette.responses import Response

from settings import Settings

_HOST_PREFIX = "__Host-"
_SESSION = "pacegraph_session"
_SIGN_IN = "pacegraph_sign_in_"
_NAME_CHARACTERS = 16
_MAX_SIGN_INS = 5
_MOST_READ = 4 * _MAX_SIGN_INS
_MAX_COOKIE_CHARACTERS = 4096
"""Browsers keep no longer ones, and to decode these takes the event loop for milliseconds."""
_STATE_BYTES = 32
_ALGORITHM = "HS256"
SIGN_IN_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The content of a session's cookie.

    `generation` grows with each renewal; `epoch` is the account's when the session began.
    `has_last_day`: SESSION_MAX_DAYS ends the session. Cookies of versions before 0.3 go on to their
    own end.
    """

    session_id: int
    account_id: int
    epoch: int
    generation: int
    issued_at: datetime
    expires_at: datetime
    has_last_day: bool = True


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that this browser began. Of its state, which Strava returns, it has a hash."""

    state_sha256: bytes
    back_to: str


class Cookies:
    """Makes and reads cookies."""

    def __init__(self, settings: Settings) -> None:
        assert settings.secret_key is not None
        self._key = settings.secret_key.get_secret_value()
        self._is_https = settings.url.startswith("https://")
        self._prefix = _HOST_PREFIX if self._is_https else ""
        self._sign_in_names = re.compile(f"{self._prefix}{_SIGN_IN}[0-9a-f]{{{_NAME_CHARACTERS}}}")
        self.session_max_age = timedelta(days=settings.session_max_days)
        self.session_lifetime = min(
            timedelta(seconds=settings.session_lifetime_s), self.session_max_age
        )
        self.session_name = self._prefix + _SESSION

    # --- the session

    def new_session(self, session_id: int, account_id: int, epoch: int) -> SessionCookie:
        """Make the first cookie of a session."""
        now = datetime.now(UTC)
        return SessionCookie(session_id, account_id, epoch, 0, now, now + self.session_lifetime)

    def session_header(self, cookie: SessionCookie) -> str:
        """Make the `Set-Cookie` that signs a browser in."""
        claims: dict[str, Any] = {
            "sub": str(cookie.account_id),
            "sid": cookie.session_id,
            "epoch": cookie.epoch,
            "gen": cookie.generation,
        }
        if cookie.has_last_day:
            claims["last_day"] = True
        signed = self._sign("session", claims, cookie.issued_at, cookie.expires_at)
        return self._header(self.session_name, signed, cookie.expires_at - cookie.issued_at)

    def read_session(self, value: str) -> SessionCookie | None:
        """Read a session's cookie; None if it is forged, expired or of an older version."""
        claims = self._read("session", value) or {}
        try:
            return SessionCookie(
                session_id=int(claims["sid"]),
                account_id=int(claims["sub"]),
                epoch=int(claims["epoch"]),
                generation=int(claims["gen"]),
                issued_at=datetime.fromtimestamp(claims["iat"], UTC),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
                has_last_day=bool(claims.get("last_day")),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def no_session_header(self) -> str:
        """Make the `Set-Cookie` that signs a browser out."""
        return self._header(self.session_name, "", timedelta(0))

    # --- a sign-in under way

    def begin_sign_in(self, back_to: str) -> tuple[str, str]:
        """Begin a sign-in: get its state, for Strava's page, and a `Set-Cookie`.

        Each sign-in has a cookie of its own, so that several tabs work.
        """
        state = token_urlsafe(_STATE_BYTES)
        now = datetime.now(UTC)
        claims = {"state_sha256": sha256(state.encode()).hexdigest(), "back_to": back_to}
        signed = self._sign("sign-in", claims, now, now + SIGN_IN_LIFETIME)
        return state, self._header(self._sign_in_name(state), signed, SIGN_IN_LIFETIME)

    def sign_in_of(self, cookies: Mapping[str, str], state: str) -> SignIn | None:
        """Get the sign-in of a state; None if another browser began it, or it expired."""
        digest = sha256(state.encode()).digest()
        claims = self._read("sign-in", cookies.get(self._sign_in_name(state), ""))
        if claims is None or not compare_digest(str(claims.get("state_sha256")), digest.hex()):
            return None
        return SignIn(digest, str(claims["back_to"]))

    def no_sign_in_header(self, state: str) -> str:
        """Make the `Set-Cookie` that removes a sign-in."""
        return self._header(self._sign_in_name(state), "", timedelta(0))

    def surplus_sign_in_headers(self, cookies: Mapping[str, str]) -> list[str]:
        """Make the `Set-Cookie`s that remove the oldest sign-ins, so that one more fits.

        Of a browser that sends very many, only some are read and removed.
        """
        names = (name for name in cookies if self._sign_in_names.fullmatch(name))
        begun = {
            name: claims["iat"] if (claims := self._read("sign-in", cookies[name])) else 0
            for name in islice(names, _MOST_READ)
        }
        oldest_first = sorted(begun, key=lambda name: begun[name])
        return [
            self._header(name, "", timedelta(0))
            for name in oldest_first[: 1 - _MAX_SIGN_INS or None]
        ]

    def _sign_in_name(self, state: str) -> str:
        return self._prefix + _SIGN_IN + sha256(state.encode()).hexdigest()[:_NAME_CHARACTERS]

    # --- both

    def _sign(
        self, purpose: str, claims: dict[str, Any], issued_at: datetime, expires_at: datetime
    ) -> str:
        stamped = {
            **claims,
            "aud": purpose,
            "iat": issued_at,
            "exp": expires_at,
            "jti": token_urlsafe(9),
        }
        return jwt.encode(stamped, self._key, _ALGORITHM)

    def _read(self, purpose: str, token: str) -> dict[str, Any] | None:
        """Read our own signed cookie. PyJWT compares signatures in constant time."""
        if len(token) > _MAX_COOKIE_CHARACTERS:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                [_ALGORITHM],
                audience=purpose,
                options={"require": ["exp", "iat"]},
            )
        except jwt.InvalidTokenError:
            return None
        return claims

    def _header(self, name: str, value: str, lifetime: timedelta) -> str:
        carrier = Response()
        seconds = int(lifetime.total_seconds())
        carrier.set_cookie(
            name, value, max_age=seconds, secure=self._is_https, httponly=True, samesite="lax"
        )
        return carrier.headers["set-cookie"]
