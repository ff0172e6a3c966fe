"""Sessions of browsers: begun at sign-in, renewed in use, ended at sign-out."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import HTTPConnection

from db.models import Scope
from db.session import AsyncDatabase
from db.statements.athletes import account as accounts
from db.statements.athletes import browser_session as statements
from runtime.errors import PacegraphError
from settings import Settings
from web.auth.cookies import Cookies, SessionCookie
from web.auth.known_caller import CookieRenewal, KnownCaller, caller_from_account, record_use
from web.http.header_fields import cookies_of

RENEWED_SESSION = "renewed_session"
"""Key in a scope's state of the `Set-Cookie` (bytes) that renews the session with the response."""
_RENEWED_AFTER = 0.1
"""Part of a cookie's lifetime after which it is renewed."""
_SCOPES = frozenset({Scope.READ, Scope.SYNC})

logger = logging.getLogger(__name__)


class SessionReused(PacegraphError):
    """A cookie came back too long after a newer one of its session, which has ended therefore."""

    def __init__(self, cookie: SessionCookie) -> None:
        super().__init__(f"session {cookie.session_id}")
        self.cookie = cookie


class BrowserSessions:
    """Begins, finds and ends sessions. After an end, forget the callers (`Identity`)."""

    def __init__(self, settings: Settings) -> None:
        self.cookies = Cookies(settings)
        self.reused = 0
        """How many sessions ended because a renewed cookie's older one came back, since the
        process started.
        """

    async def begin(self, db: AsyncConnection, account: Mapping[str, Any]) -> str:
        """Begin a session of the account (`id`, `session_epoch`); returns its `Set-Cookie`.

        It is always new, so that an attacker cannot plant a session in a browser before sign-in.
        """
        expires_at = datetime.now(UTC) + self.cookies.session_lifetime
        parameters = {"account_id": account["id"], "session_expires_at": expires_at}
        session_id = (await db.execute(statements.begin(), parameters)).scalar_one()
        await db.execute(statements.delete_old(), {"account_id": account["id"]})
        return self.cookies.session_header(
            self.cookies.new_session(session_id, account["id"], account["session_epoch"])
        )

    async def end(self, db: AsyncConnection, cookie: SessionCookie) -> bool:
        """End the session of a cookie, even if it was renewed since; False if it had ended."""
        ended = await db.execute(statements.end(), {"session_id": cookie.session_id})
        return bool(ended.rowcount)

    async def end_all(self, db: AsyncConnection, cookie: SessionCookie) -> bool:
        """End all sessions of the account of a cookie; False if that has ended or is outdated."""
        account = await _account_of(db, cookie)
        if account is None or account["is_outdated"]:
            return False
        await db.execute(accounts.end_sessions(), {"account_id": cookie.account_id})
        return True

    async def find(
        self, database: AsyncDatabase, value: str, *, is_held: bool, renews: bool
    ) -> KnownCaller | None:
        """Get the caller of a cookie's value, and renew it if due; None for an ended session.

        `is_held` accepts a cookie that was renewed since. Raises SessionReused.
        """
        cookie = self.cookies.read_session(value)
        if cookie is None:
            return None
        account = await database.reading(partial(_account_of, cookie=cookie))
        if account is None:
            return None
        if account["is_outdated"] and not is_held:
            await self._end_outdated(database, cookie)
        last_moment = account["signed_in_at"] + self.cookies.session_max_age
        works_until = (
            min(cookie.expires_at, last_moment) if cookie.has_last_day else cookie.expires_at
        )
        if works_until <= datetime.now(UTC):
            return None
        if account["is_newest"]:
            await record_use(database, statements.record_generation(), _parameters(cookie))
        renewal = await self._renew(database, cookie, account) if renews else None
        scopes = _SCOPES | {Scope.ADMIN} if account["is_admin"] else _SCOPES
        caller = caller_from_account(account, scopes, works_until=works_until)
        return KnownCaller.from_caller(caller, renewal, cookie.session_id)

    async def _end_outdated(self, database: AsyncDatabase, cookie: SessionCookie) -> None:
        """End a session of which two hold a cookie. Raises SessionReused."""
        if await record_use(database, statements.end_outdated(), _parameters(cookie)):
            self.reused += 1
            fields = {"session_id": cookie.session_id, "account_id": cookie.account_id}
            logger.warning(
                "a session ended: a cookie came back long after it was renewed, so perhaps it was "
                "stolen",
                extra=fields,
            )
        raise SessionReused(cookie)

    async def _renew(
        self, database: AsyncDatabase, cookie: SessionCookie, account: RowMapping
    ) -> CookieRenewal | None:
        if not account["may_renew"]:
            return None
        renewed = self._renewed(cookie, account["signed_in_at"])
        if renewed is None:
            return None
        parameters = {**_parameters(cookie), "session_expires_at": renewed.expires_at}
        generation = await record_use(database, statements.renew(), parameters)
        if generation is None:
            return None
        renewed = replace(renewed, generation=generation)
        return CookieRenewal(self.cookies.session_header(renewed).encode())

    def _renewed(self, cookie: SessionCookie, signed_in_at: datetime) -> SessionCookie | None:
        """Make the renewed cookie, with a full lifetime if the session's last day allows.

        Its generation is still that of `cookie`. None while `cookie` is young, and for one of an
        older version that lasts longer than a session may.
        """
        now, lifetime = datetime.now(UTC), self.cookies.session_lifetime
        expires_at = min(now + lifetime, signed_in_at + self.cookies.session_max_age)
        is_young = now - cookie.issued_at < _RENEWED_AFTER * lifetime
        if is_young or (expires_at < cookie.expires_at and not cookie.has_last_day):
            return None
        return replace(cookie, issued_at=now, expires_at=expires_at, has_last_day=True)

    def value_of(self, connection: HTTPConnection) -> str | None:
        """Get the value of the session's cookie that a browser sent, sound or not, or None."""
        return cookies_of(connection.scope["headers"]).get(self.cookies.session_name)

    def cookie_of(self, connection: HTTPConnection) -> SessionCookie | None:
        """Get the session's cookie that a browser sent; None if there is no sound one."""
        return self.cookies.read_session(self.value_of(connection) or "")


async def _account_of(db: AsyncConnection, cookie: SessionCookie) -> RowMapping | None:
    return (await db.execute(statements.find_account(), _parameters(cookie))).mappings().first()


def _parameters(cookie: SessionCookie) -> dict[str, Any]:
    return {
        "session_id": cookie.session_id,
        "account_id": cookie.account_id,
        "session_epoch": cookie.epoch,
        "cookie_generation": cookie.generation,
    }
