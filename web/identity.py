"""Who makes a request: an API token in `Authorization`, else the session in a cookie, else nobody."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

import jwt
from sqlalchemy import RowMapping
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response

from db.errors import PacegraphError
from db.models import Scope
from db.session import AsyncDatabase
from db.statements import account as statements
from db.statements.visibility import Viewer
from graph.context import Caller
from settings import Settings

SESSION_COOKIE = "pacegraph_session"
_STATE_COOKIE = "pacegraph_sign_in"
_STATE_LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_KNOWN_S = 1.0
"""How long a caller is known without a new look; another process may take twice as long to heed a revocation."""
_MAX_KNOWN = 10_000
_Key = tuple[bool, bytes]
_OWN_SCOPES = frozenset({Scope.READ, Scope.SYNC})


class InvalidCredentials(PacegraphError):  # noqa: N818 - the name says what is the case
    """An `Authorization` header that gives no access: malformed, unknown, expired or revoked."""

    def __init__(self) -> None:
        super().__init__("The API token is unknown, expired or revoked. Make a new one, or leave the header out.")


@dataclass(frozen=True, slots=True)
class _Known:
    """A caller, by when to look again, and until when the answer may be used while that goes on (monotonic clock)."""

    caller: Caller
    fresh_until: float
    usable_until: float


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way: `state` goes to Strava and back, and must meet its twin in this browser's cookie."""

    state: str
    back_to: str


class Sessions:
    """Signs and reads the cookies. They are HttpOnly, SameSite=Lax, and Secure where the API is reached by https."""

    def __init__(self, settings: Settings) -> None:
        assert settings.secret_key is not None
        self._key = settings.secret_key.get_secret_value()
        self._secure = settings.url.startswith("https://")
        self._lifetime = timedelta(seconds=settings.session_lifetime_s)
        self._sharing = settings.sharing == "on"
        self._nobody = Caller(Viewer(sharing=self._sharing))
        self._known: dict[_Key, _Known] = {}
        self._looking: dict[_Key, asyncio.Task[Caller]] = {}

    def begin(self, response: Response, account_id: int, session_epoch: int) -> None:
        """Sign the browser in."""
        claims = {"sub": str(account_id), "epoch": session_epoch}
        self._set(response, SESSION_COOKIE, self._sign("session", claims, self._lifetime), self._lifetime)

    def end(self, response: Response) -> None:
        """Sign the browser out."""
        response.delete_cookie(SESSION_COOKIE, secure=self._secure, httponly=True, samesite="lax")

    def begin_sign_in(self, headers: MutableHeaders, sign_in: SignIn) -> None:
        """Tie a sign-in to the browser, for 15 minutes."""
        claims = {"state": sign_in.state, "back_to": sign_in.back_to}
        carrier = Response()
        self._set(carrier, _STATE_COOKIE, self._sign("sign-in", claims, _STATE_LIFETIME), _STATE_LIFETIME)
        headers.append("set-cookie", carrier.headers["set-cookie"])

    def sign_in_of(self, connection: HTTPConnection) -> SignIn | None:
        """Get the sign-in this browser began; None where there is none or its time is over."""
        claims = self._read("sign-in", connection.cookies.get(_STATE_COOKIE))
        return SignIn(claims["state"], claims["back_to"]) if claims else None

    def finish_sign_in(self, response: Response) -> None:
        """Forget the sign-in: its state works once."""
        response.delete_cookie(_STATE_COOKIE, secure=self._secure, httponly=True, samesite="lax")

    async def caller(self, database: AsyncDatabase, connection: HTTPConnection, authorization: str | None) -> Caller:
        """Tell who asks. `authorization` is the header's value. Raises InvalidCredentials for one that is no good.

        A session that ran out or was ended counts as signed out.
        """
        credential = authorization if authorization is not None else connection.cookies.get(SESSION_COOKIE)
        if credential is None:
            return self._nobody
        key = (authorization is None, sha256(credential.encode()).digest())
        known, now = self._known.get(key), monotonic()
        if known is not None and now < known.fresh_until:
            return known.caller
        looking = self._looking.get(key)
        if looking is None:
            looking = asyncio.create_task(self._look_up(database, key, credential))
            self._looking[key] = looking
            looking.add_done_callback(lambda task: self._looked_up(key, task))
        if known is not None and now < known.usable_until:
            return known.caller  # while one request's look-up goes on, the others need not wait
        return await asyncio.shield(looking)

    def forget_callers(self) -> None:
        """Look every caller up anew: a token was revoked, or sessions were ended."""
        self._known.clear()
        self._looking.clear()

    async def _look_up(self, database: AsyncDatabase, key: _Key, credential: str) -> Caller:
        is_session, _ = key
        caller, works_until = await (self._session_caller if is_session else self._token_caller)(database, credential)
        if self._looking.get(key) is asyncio.current_task():  # nothing was revoked meanwhile
            self._remember(key, caller, works_until)
        return caller

    def _looked_up(self, key: _Key, task: "asyncio.Task[Caller]") -> None:
        if self._looking.get(key) is task:
            del self._looking[key]
        if not task.cancelled() and isinstance(task.exception(), InvalidCredentials):
            self._known.pop(key, None)

    def _remember(self, key: _Key, caller: Caller, works_until: datetime | None) -> None:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        left_s = (works_until - datetime.now(UTC)).total_seconds() if works_until else 2 * _KNOWN_S
        now = monotonic()
        self._known[key] = _Known(caller, now + min(_KNOWN_S, left_s), now + min(2 * _KNOWN_S, left_s))

    async def _session_caller(self, database: AsyncDatabase, cookie: str) -> tuple[Caller, datetime | None]:
        claims = self._read("session", cookie)
        if claims is None:
            return self._nobody, None
        parameters = {"account_id": int(claims["sub"]), "session_epoch": claims["epoch"]}
        async with database.read() as db:
            account = (await db.execute(statements.of_session(), parameters)).mappings().first()
        if account is None:
            return self._nobody, None
        scopes = _OWN_SCOPES | {Scope.ADMIN} if account["is_admin"] else _OWN_SCOPES
        return self._caller(account, scopes), None

    async def _token_caller(self, database: AsyncDatabase, authorization: str) -> tuple[Caller, datetime | None]:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise InvalidCredentials
        digest = sha256(secret.strip().encode()).digest()
        async with database.read() as db:
            token = (await db.execute(statements.of_token(), {"secret_sha256": digest})).mappings().first()
        if token is None:
            raise InvalidCredentials
        if token["is_stale"]:
            async with database.write() as db:
                await db.execute(statements.note_token_use(), {"token_id": token["token_id"]})
        scopes = frozenset(Scope(scope) for scope in token["scopes"])
        caller = self._caller(token, scopes if token["is_admin"] else scopes - {Scope.ADMIN})
        return caller, token["expires_at"]

    def _caller(self, account: RowMapping, scopes: frozenset[Scope]) -> Caller:
        viewer = Viewer(
            account_id=account["id"],
            athlete_id=account["athlete_id"],
            is_admin=Scope.ADMIN in scopes,
            sharing=self._sharing,
        )
        return Caller(viewer, scopes)

    def _sign(self, purpose: str, claims: dict[str, Any], lifetime: timedelta) -> str:
        now = datetime.now(UTC)
        return jwt.encode({**claims, "aud": purpose, "iat": now, "exp": now + lifetime}, self._key, _ALGORITHM)

    def _read(self, purpose: str, token: str | None) -> dict[str, Any] | None:
        if token is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, [_ALGORITHM], audience=purpose)
        except jwt.InvalidTokenError:
            return None
        return claims

    def _set(self, response: Response, name: str, value: str, lifetime: timedelta) -> None:
        response.set_cookie(
            name, value, max_age=int(lifetime.total_seconds()), secure=self._secure, httponly=True, samesite="lax"
        )
