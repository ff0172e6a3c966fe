"""Who makes a request: an API token in `Authorization`, else the session in a cookie, else nobody."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from time import monotonic
from typing import Any

from sqlalchemy import Executable, RowMapping
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import HTTPConnection

from db.errors import DatabaseError, PacegraphError
from db.models import Scope
from db.session import AsyncDatabase
from db.statements import account as statements
from db.statements.visibility import Viewer
from flags.flags import Flags
from graph.context import Caller
from settings import Settings
from web.cookies import Cookies, SessionCookie
from web.switches import switches_of

logger = logging.getLogger(__name__)

RENEWED_SESSION = "renewed_session"
"""Where the scope's state holds the `Set-Cookie` of a renewed session, in bytes, for whoever sends the headers."""
_HELD_SESSION = "held_session"
_KNOWN_S = 1.0
"""How long a caller is known without a new look; another process may take twice as long to heed a revocation."""
_MAX_KNOWN = 10_000
_OWN_SCOPES = frozenset({Scope.READ, Scope.SYNC})
_IMPLIED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.SYNC: frozenset({Scope.READ, Scope.SYNC}),
    Scope.ADMIN: frozenset(Scope),
}


class InvalidCredentials(PacegraphError):  # noqa: N818 - the name says what is the case
    """An `Authorization` header that gives no access: malformed, unknown, expired or revoked."""

    def __init__(self) -> None:
        super().__init__("The API token is unknown, expired or revoked. Make a new one, or leave the header out.")


class _Kind(StrEnum):
    TOKEN = "token"  # noqa: S105 - a name
    SESSION = "session"
    # Of a connection that was let in with it: it goes on although the browser's cookie was renewed since.
    HELD_SESSION = "held session"


@dataclass(slots=True)
class Credential:
    """What a caller shows: an `Authorization` header's value, or a session's cookie. Made for every request."""

    kind: _Kind
    value: str = field(repr=False)

    @property
    def key(self) -> "_Key":
        """What a caller is known by. Not the secret itself: memory that is dumped tells it to nobody."""
        return self.kind, sha256(self.value.encode()).digest()


_Key = tuple[_Kind, bytes]


@dataclass(frozen=True, slots=True)
class _Found:
    """A caller, and the `Set-Cookie` that renews the session; None while that is young, and for tokens.

    `sharing_caller` is the same caller while sharing is on for them.
    """

    caller: Caller
    sharing_caller: Caller
    renewal: bytes | None = None

    @classmethod
    def of(cls, caller: Caller, renewal: bytes | None = None) -> "_Found":
        return cls(caller, replace(caller, viewer=replace(caller.viewer, sharing=True)), renewal)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found, by when to look again, and until when it may be used while that goes on (monotonic clock)."""

    found: _Found
    fresh_until: float
    usable_until: float


class Sessions:
    """Knows callers by their credentials; begins and ends sessions."""

    def __init__(self, settings: Settings, flags: Flags) -> None:
        self.cookies = Cookies(settings)
        self._flags = flags
        self._nobody = _Found.of(Caller(Viewer()))
        self._known: dict[_Key, _Known] = {}
        self._looking: dict[_Key, asyncio.Task[_Found]] = {}

    async def close(self) -> None:
        """Wait for look-ups under way, which nobody may wait for any more: they use the database."""
        if looking := [*self._looking.values()]:
            await asyncio.wait(looking, timeout=_KNOWN_S)

    # --- who asks

    async def caller(self, database: AsyncDatabase, connection: HTTPConnection, authorization: str | None) -> Caller:
        """Tell who asks. `authorization` is the header's value. Raises InvalidCredentials for one that is no good.

        A session that ran out or was ended counts as signed out. Asked again of the same connection it tells whether
        the caller still is who it was; a session counts then although its cookie was renewed since. The `Set-Cookie`
        that is to go with the answer is put where RENEWED_SESSION says.
        """
        credential = self.credential_of(connection, authorization)
        if credential is None:
            return self._nobody.caller
        found = await self._find(database, credential)
        if credential.kind is _Kind.SESSION and found is not self._nobody:
            state = connection.scope.setdefault("state", {})
            state[_HELD_SESSION] = True
            if found.renewal is not None:
                state[RENEWED_SESSION] = found.renewal
        return self._by_flags(found)

    async def caller_of(self, database: AsyncDatabase, credential: Credential) -> Caller:
        """Tell who shows `credential`. Raises InvalidCredentials for a token that is no good."""
        return self._by_flags(await self._find(database, credential))

    def _by_flags(self, found: _Found) -> Caller:
        """Get a caller as the flag `sharing` says now, however long ago they were looked up."""
        switches = switches_of(self._flags, found.caller.viewer, "")
        return found.sharing_caller if switches.sharing else found.caller

    def credential_of(self, connection: HTTPConnection, authorization: str | None) -> Credential | None:
        """Get what the caller shows: the header's value `authorization`, else the session's cookie, else nothing.

        Many frontends send an empty `Authorization` while nobody is signed in: they want no cookie to count either.
        """
        if authorization is not None:
            return Credential(_Kind.TOKEN, authorization) if authorization.strip() else None
        cookie = connection.cookies.get(self.cookies.session_name)
        if cookie is None:
            return None
        is_held = _HELD_SESSION in connection.scope.get("state", ())
        return Credential(_Kind.HELD_SESSION if is_held else _Kind.SESSION, cookie)

    def forget_callers(self) -> None:
        """Look every caller up anew: a token was revoked, or sessions were ended."""
        self._known.clear()
        self._looking.clear()

    # --- sessions

    async def begin(self, db: AsyncConnection, account: Mapping[str, Any]) -> str:
        """Begin a session of the account (`id`, `session_epoch`); gives its `Set-Cookie`.

        It is always a new one: what the browser had before is nothing that somebody else could have planted.
        """
        expires_at = datetime.now(UTC) + self.cookies.session_lifetime
        parameters = {"account_id": account["id"], "session_expires_at": expires_at}
        session_id = (await db.execute(statements.begin_session(), parameters)).scalar_one()
        await db.execute(statements.drop_old_sessions(), {"account_id": account["id"]})
        return self.cookies.session_header(
            self.cookies.new_session(session_id, account["id"], account["session_epoch"])
        )

    async def end(self, db: AsyncConnection, connection: HTTPConnection) -> None:
        """End the session of this browser, whatever generation its cookie is of; call `forget_callers` after it."""
        if cookie := self._session_of(connection):
            await db.execute(statements.end_session(), {"session_id": cookie.session_id})

    async def end_all(self, db: AsyncConnection, connection: HTTPConnection) -> None:
        """End all sessions of the account that is signed in here; call `forget_callers` after it."""
        cookie = self._session_of(connection)
        if cookie and await self._account_of(db, cookie, of_any_generation=False) is not None:
            await db.execute(statements.end_sessions(), {"account_id": cookie.account_id})

    def _session_of(self, connection: HTTPConnection) -> SessionCookie | None:
        return self.cookies.read_session(connection.cookies.get(self.cookies.session_name, ""))

    # --- looking up

    async def _find(self, database: AsyncDatabase, credential: Credential) -> _Found:
        key = credential.key
        known, now = self._known.get(key), monotonic()
        if known is not None and now < known.fresh_until:
            return known.found
        looking = self._looking.get(key)
        if looking is None:
            looking = asyncio.create_task(self._look_up(database, credential, key))
            self._looking[key] = looking
            looking.add_done_callback(lambda task: self._looked_up(key, task))
        if known is not None and now < known.usable_until:
            return known.found  # while one request's look-up goes on, the others need not wait
        return await asyncio.shield(looking)

    async def _look_up(self, database: AsyncDatabase, credential: Credential, key: _Key) -> _Found:
        if credential.kind is _Kind.TOKEN:
            found = await self._find_token(database, credential.value)
        else:
            found = await self._find_session(
                database, credential.value, of_any_generation=credential.kind is _Kind.HELD_SESSION
            )
        if self._looking.get(key) is asyncio.current_task():  # nothing was revoked meanwhile
            self._remember(key, found)
        return found

    def _looked_up(self, key: _Key, task: "asyncio.Task[_Found]") -> None:
        if self._looking.get(key) is task:
            del self._looking[key]
        if not task.cancelled() and isinstance(task.exception(), InvalidCredentials):
            self._known.pop(key, None)

    def _remember(self, key: _Key, found: _Found) -> None:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        until = found.caller.works_until
        left_s = (until - datetime.now(UTC)).total_seconds() if until else 2 * _KNOWN_S
        now = monotonic()
        self._known[key] = _Known(found, now + min(_KNOWN_S, left_s), now + min(2 * _KNOWN_S, left_s))

    async def _find_session(self, database: AsyncDatabase, value: str, *, of_any_generation: bool) -> _Found:
        cookie = self.cookies.read_session(value)
        if cookie is None:
            return self._nobody
        async with database.read() as db:
            account = await self._account_of(db, cookie, of_any_generation=of_any_generation)
        if account is None:
            return self._nobody
        if account["is_newest"]:
            parameters = {"session_id": cookie.session_id, "cookie_generation": cookie.generation}
            await self._note(database, statements.note_generation(), parameters)
        scopes = _OWN_SCOPES | {Scope.ADMIN} if account["is_admin"] else _OWN_SCOPES
        renewal = None if of_any_generation else await self._renew(database, cookie)
        return _Found.of(_caller(account, scopes, works_until=cookie.expires_at), renewal)

    async def _account_of(
        self, db: AsyncConnection, cookie: SessionCookie, *, of_any_generation: bool
    ) -> RowMapping | None:
        parameters = {
            "session_id": cookie.session_id,
            "account_id": cookie.account_id,
            "session_epoch": cookie.epoch,
            "cookie_generation": cookie.generation,
        }
        statement = statements.of_session(of_any_generation=of_any_generation)
        return (await db.execute(statement, parameters)).mappings().first()

    async def _renew(self, database: AsyncDatabase, cookie: SessionCookie) -> bytes | None:
        renewed = self.cookies.renewed(cookie)
        if renewed is None:
            return None
        parameters = {"session_id": renewed.session_id, "session_expires_at": renewed.expires_at}
        if not await self._note(database, statements.prolong_session(), parameters):
            return None
        return self.cookies.session_header(renewed).encode()

    async def _find_token(self, database: AsyncDatabase, authorization: str) -> _Found:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise InvalidCredentials
        digest = sha256(secret.strip().encode()).digest()
        async with database.read() as db:
            token = (await db.execute(statements.of_token(), {"secret_sha256": digest})).mappings().first()
        if token is None:
            raise InvalidCredentials
        if token["is_stale"]:
            await self._note(database, statements.note_token_use(), {"token_id": token["token_id"]})
        given = {Scope(scope) for scope in token["scopes"]} - (set() if token["is_admin"] else {Scope.ADMIN})
        scopes = frozenset[Scope]().union(*(_IMPLIED[scope] for scope in given))
        return _Found.of(_caller(token, scopes, token_id=token["token_id"], works_until=token["expires_at"]))

    async def _note(self, database: AsyncDatabase, statement: Executable, parameters: dict[str, Any]) -> bool:
        """Write what is good to know, and needs not keep the caller from being served."""
        try:
            async with database.write() as db:
                await db.execute(statement, parameters)
        except (DatabaseError, SQLAlchemyError) as error:  # such as a standby that takes over, and only reads yet
            logger.warning("the use of a credential could not be noted: %s", type(error).__name__)
            return False
        return True


def _caller(account: RowMapping, scopes: frozenset[Scope], **of_credential: Any) -> Caller:
    viewer = Viewer(account["id"], account["athlete_id"], is_admin=Scope.ADMIN in scopes)
    return Caller(viewer, scopes, **of_credential)


def with_sharing(caller: Caller, *, is_on: bool) -> Caller:
    """Get the same caller with sharing on or off for them."""
    viewer = caller.viewer
    return caller if viewer.sharing == is_on else replace(caller, viewer=replace(viewer, sharing=is_on))
