"""API tokens, which scripts and apps send in the `Authorization` header."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.session import AsyncDatabase
from db.statements.athletes import api_token as statements
from runtime.errors import PacegraphError
from web.auth.known_caller import KnownCaller, caller_from_account, record_use

_IMPLIED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.SYNC: frozenset({Scope.READ, Scope.SYNC}),
    Scope.ADMIN: frozenset(Scope),
}


class InvalidCredentials(PacegraphError):
    """An `Authorization` header that gives no access: malformed, unknown, expired or revoked."""

    def __init__(
        self,
        message: str = (
            "The API token is unknown, expired or revoked. Create a new one, or omit the header."
        ),
    ) -> None:
        super().__init__(message)


class UnknownToken(InvalidCredentials):
    """A token that was looked up, and gives no access."""


class ApiTokens:
    """Looks up API tokens."""

    async def find(self, database: AsyncDatabase, authorization: str) -> KnownCaller:
        """Get the caller of a header's value. Raises InvalidCredentials."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise InvalidCredentials(_malformed(scheme, secret))
        parameters = {"secret_sha256": sha256(secret.strip().encode()).digest()}
        token = await database.reading(partial(_account_of, parameters=parameters))
        if token is None:
            raise UnknownToken
        if token["is_stale"]:
            await record_use(database, statements.record_use(), {"token_id": token["token_id"]})
        granted = {Scope(scope) for scope in token["scopes"]}
        if not token["is_admin"]:
            granted.discard(Scope.ADMIN)
        scopes = frozenset[Scope]().union(*(_IMPLIED[scope] for scope in granted))
        caller = caller_from_account(
            token, scopes, token_id=token["token_id"], works_until=token["expires_at"]
        )
        return KnownCaller.from_caller(caller)


async def _account_of(db: AsyncConnection, parameters: Mapping[str, Any]) -> RowMapping | None:
    return (await db.execute(statements.find_account(), parameters)).mappings().first()


def _malformed(scheme: str, secret: str) -> str:
    """Say what an `Authorization` lacks, without repeating what may be a token.

    It fits into the reason of a WebSocket's close, which holds 123 bytes.
    """
    if scheme.lower() == "bearer":
        return "`Authorization` has no token after `Bearer`. Send `Authorization: Bearer pace_…`."
    if not secret.strip():
        return "`Authorization` lacks the word `Bearer`. Send `Authorization: Bearer pace_…`."
    return "`Authorization` is not of the scheme `Bearer`. Send `Authorization: Bearer pace_…`."
