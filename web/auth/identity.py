"""Finds a request's caller: by the API token in `Authorization`, else by the session's cookie."""

from starlette.requests import HTTPConnection

from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from flags.flags import Flags
from flags.switches import Switches
from graph.context import Caller
from web.auth.api_tokens import ApiTokens, UnknownToken
from web.auth.browser_sessions import RENEWED_SESSION, BrowserSessions, SessionReused
from web.auth.credential_cache import (
    Credential,
    CredentialCache,
    CredentialKey,
    CredentialKind,
)
from web.auth.known_caller import KnownCaller
from web.limits.look_up_turns import LookUpTurns
from web.switches import switches_of

_HELD_SESSION = "held_session"
"""Key in a scope's state: the connection's session was found before."""


class Identity:
    """Finds callers, from memory or from the database."""

    def __init__(
        self, database: AsyncDatabase, sessions: BrowserSessions, flags: Flags, turns: LookUpTurns
    ) -> None:
        self._database, self._sessions, self._flags = database, sessions, flags
        self._turns = turns
        self._tokens = ApiTokens()
        self._signed_out = KnownCaller.from_caller(Caller(Viewer()))
        self._cache = CredentialCache(self._look_up)

    async def caller(self, connection: HTTPConnection, authorization: str | None) -> Caller:
        """Find a connection's caller. Raises InvalidCredentials for an invalid token.

        `authorization` is the header's value. A session that expired or ended counts as signed out.
        The `Set-Cookie` of a renewed session is put where RENEWED_SESSION says. Asked again for the
        same connection, this accepts its session even if the browser's cookie was renewed since.
        """
        credential = self._credential_of(connection, authorization)
        if credential is None:
            return self._signed_out.caller
        return self._taken(connection, credential, await self._cache.find(credential))

    def caller_now(self, connection: HTTPConnection, authorization: str | None) -> Caller | None:
        """Find a connection's caller as `caller` does, where that is known. None: it has to wait."""
        credential = self._credential_of(connection, authorization)
        if credential is None:
            return self._signed_out.caller
        found = self._cache.known(credential.key)
        return None if found is None else self._taken(connection, credential, found)

    def known_caller(self, key: CredentialKey | None, switches: Switches) -> Caller | None:
        """Get the caller of a token if it is known, at most two seconds old; None: look it up.

        Without a key, the signed-out caller.
        """
        if key is None:
            return self._signed_out.caller
        found = self._cache.known(key)
        if found is None:
            return None
        return found.sharing_caller if switches.sharing else found.caller

    async def has_session(self, connection: HTTPConnection) -> bool:
        """Tell whether a browser's cookie is of a session that goes on, renewed since or not."""
        cookie = self._sessions.value_of(connection) or ""
        held = Credential(CredentialKind.HELD_SESSION, cookie, connection.scope)
        found = await self._cache.find(held)
        return found is not self._signed_out

    def forget_callers(self, account_id: int | None = None, session_id: int | None = None) -> None:
        """Look up callers again: a token was revoked, or sessions ended.

        All callers, or those of an account, or only that of one of its sessions.
        """
        self._cache.forget(
            lambda known: (
                account_id in {None, known.caller.viewer.account_id}
                and session_id in {None, known.session_id}
            )
        )

    async def close(self) -> None:
        """Wait for look-ups under way: they use the database."""
        await self._cache.close()

    def _credential_of(
        self, connection: HTTPConnection, authorization: str | None
    ) -> Credential | None:
        """Get what the request shows, if anything.

        Many frontends send an empty `Authorization` while signed out. Then the cookie does not
        count either.
        """
        if authorization is not None:
            if not authorization.strip():
                return None
            return Credential(CredentialKind.TOKEN, authorization, connection.scope)
        cookie = self._sessions.value_of(connection)
        if cookie is None:
            return None
        kind = CredentialKind.SESSION
        if _HELD_SESSION in connection.scope.get("state", ()):
            kind = CredentialKind.HELD_SESSION
        elif connection.scope["type"] == "websocket":
            kind = CredentialKind.HANDSHAKE
        return Credential(kind, cookie, connection.scope)

    def _taken(
        self, connection: HTTPConnection, credential: Credential, found: KnownCaller
    ) -> Caller:
        if credential.kind is not CredentialKind.TOKEN and found is not self._signed_out:
            state = connection.scope.setdefault("state", {})
            state[_HELD_SESSION] = True
            if found.renewal is not None and (renewed := found.renewal.take()) is not None:
                state[RENEWED_SESSION] = renewed
        switches = switches_of(self._flags, found.caller.viewer, "")
        return found.sharing_caller if switches.sharing else found.caller

    async def _look_up(self, credential: Credential) -> KnownCaller:
        scope = credential.scope
        is_new = credential.kind is CredentialKind.TOKEN and credential.key not in self._cache
        if is_new:
            self._turns.admit(scope)  # before it waits, and after others were found to be unknown
        async with self._turns.taken(scope):
            if is_new:
                self._turns.admit(scope)
            try:
                return await self._find(credential)
            except UnknownToken:
                self._turns.count_unknown(scope)
                raise

    async def _find(self, credential: Credential) -> KnownCaller:
        if credential.kind is CredentialKind.TOKEN:
            return await self._tokens.find(self._database, credential.value)
        try:
            found = await self._sessions.find(
                self._database,
                credential.value,
                is_held=credential.kind is CredentialKind.HELD_SESSION,
                renews=credential.kind is CredentialKind.SESSION,
            )
        except SessionReused as reused:
            self.forget_callers(reused.cookie.account_id, reused.cookie.session_id)
            return self._signed_out
        return found or self._signed_out
