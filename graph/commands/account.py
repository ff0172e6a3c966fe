"""API tokens and feedback."""

from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements import account as statements
from graph.access import not_found, require_scope
from graph.arguments import checked_text
from graph.context import Caller, Info
from graph.errors import InvalidArgument
from graph.ids import decode_id_of, encode_id
from graph.node import load_node_of
from graph.refusal import Refused
from graph.types.account_mutation import (
    CreateApiTokenInput,
    CreateApiTokenPayload,
    RevokeApiTokenPayload,
    SubmitFeedbackInput,
    SubmitFeedbackPayload,
)
from graph.types.enums import UserErrorCode

_SECRET_BYTES = 32
_HINT_LENGTH = 9
TOKEN_PREFIX = "pace_"  # noqa: S105 - says what a leaked secret belongs to; the secret follows it
_MAX_EXPIRY_YEAR = 9000
MAX_TOKENS = 50
"""Tokens of an account that work at the same time: as many as GitHub lets a user have."""


def new_secret() -> tuple[str, str, bytes]:
    """Make a token's secret (256 random bits), the hint to recognise it by, and the hash to keep."""
    secret = TOKEN_PREFIX + token_urlsafe(_SECRET_BYTES)
    return secret, secret[:_HINT_LENGTH], sha256(secret.encode()).digest()


async def create_api_token(info: Info, wanted: CreateApiTokenInput) -> CreateApiTokenPayload:
    """Make a token that may do no more than the caller, nor for longer. Raises Refused, CallerError."""
    require_scope(info, Scope.READ)
    caller = info.context.caller
    name = checked_text(wanted.name, "input.name", min_length=1, max_length=100)
    if beyond := set(wanted.scopes) - caller.scopes:
        names = ", ".join(sorted(scope.name for scope in beyond))
        raise Refused(UserErrorCode.FORBIDDEN, f"You may not give away what you do not have: {names}.", "input.scopes")
    # A token that only reads must not outlive its revocation through others.
    require_scope(info, Scope.SYNC)
    expires_at = _expiry(caller, wanted.expires_at)
    secret, hint, digest = new_secret()
    values = {
        "account_id": caller.viewer.account_id,
        "name": name,
        "hint": hint,
        "secret_sha256": digest,
        "scopes": sorted({Scope.READ, *wanted.scopes}),
        "expires_at": expires_at,
        "made_with_id": caller.token_id,
    }
    async with info.context.database.write() as connection:
        await connection.execute(statements.hold_account(), {"account_id": caller.viewer.account_id})
        await _check_still_works(connection, caller)
        await _make_room(connection, caller.viewer.account_id)
        token_id = (await connection.execute(statements.create_token(), values)).scalar_one()
    token = await load_node_of(info, "ApiToken", encode_id("ApiToken", token_id), "id")
    return CreateApiTokenPayload(api_token=token, secret=secret)


def _expiry(caller: Caller, wanted: datetime | None) -> datetime | None:
    """Check when a new token is to end; by default it never does, or as the token that makes it."""
    if wanted is not None and not datetime.now(UTC) < wanted < _LATEST:
        raise InvalidArgument("It must lie in the future.", "input.expiresAt")
    longest = caller.works_until if caller.token_id is not None else None
    if longest is None or wanted is None:
        return wanted or longest
    if wanted > longest:
        message = f"It may not be later than the end of the token you make it with, {longest.isoformat()}."
        raise Refused(UserErrorCode.FORBIDDEN, message, "input.expiresAt")
    return wanted


async def _check_still_works(connection: AsyncConnection, caller: Caller) -> None:
    """Check the caller's token again: one that was just revoked elsewhere, and is still known here, makes no heirs."""
    if caller.token_id is None:
        return
    found = await connection.execute(statements.working_token(), {"token_id": caller.token_id})
    if found.first() is None:
        raise Refused(UserErrorCode.UNAUTHENTICATED, "Your API token has expired or was revoked. Sign in anew.")


async def _make_room(connection: AsyncConnection, account_id: int | None) -> None:
    """Check that the account may have one more token, being held; forget the oldest of those that work no more."""
    account = {"account_id": account_id}
    if (await connection.execute(statements.count_tokens(), account)).scalar_one() >= MAX_TOKENS:
        message = f"The account has {MAX_TOKENS} tokens that work, which is the most. Revoke one that is not needed."
        raise Refused(UserErrorCode.CONFLICT, message)
    await connection.execute(statements.drop_ended_tokens(), account)


async def revoke_api_token(info: Info, global_id: str) -> RevokeApiTokenPayload:
    """Revoke a token of the caller, or for an admin anybody's, and those made with it. Raises Refused, CallerError.

    Whoever finds a token may revoke that one, whatever its scopes.
    """
    require_scope(info, Scope.READ)
    caller = info.context.caller
    parameters = {"token_id": decode_id_of("ApiToken", global_id, "input.id"), "revoker_id": caller.viewer.account_id}
    if caller.token_id is None or parameters["token_id"] != caller.token_id:
        require_scope(info, Scope.SYNC)
    async with info.context.database.write() as connection:
        await connection.execute(statements.hold_account_of_token(), {"token_id": parameters["token_id"]})
        statement = statements.revoke_token(of_any_account=caller.viewer.is_admin)
        revoked = (await connection.execute(statement, parameters)).scalars().all()
    if not revoked:
        raise not_found("input.id", "token")
    info.context.callers_changed()
    return RevokeApiTokenPayload(api_token=await load_node_of(info, "ApiToken", global_id, "input.id"))


async def submit_feedback(info: Info, wanted: SubmitFeedbackInput) -> SubmitFeedbackPayload:
    """Keep what somebody says; nobody need be signed in for it. Raises CallerError."""
    values = {
        "account_id": info.context.viewer.account_id,
        "message": checked_text(wanted.message, "input.message", min_length=1, max_length=5000),
        "contact": checked_text(wanted.contact, "input.contact", max_length=200) or None,
    }
    async with info.context.database.write() as connection:
        await connection.execute(statements.submit_feedback(), values)
    return SubmitFeedbackPayload(accepted=True)


_LATEST = datetime(_MAX_EXPIRY_YEAR, 1, 1, tzinfo=UTC)
