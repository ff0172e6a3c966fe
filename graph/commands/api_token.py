"""Commands on API tokens."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements.athletes import account as accounts
from db.statements.athletes import api_token as api_tokens
from graph.commands.authorization import not_found, require_scope
from graph.commands.idempotency import RequestKey
from graph.context import Caller, Context
from graph.errors import InvalidArgument
from graph.global_id import decode_id_of, encode_id
from graph.input_checks import InputChecks, checked_text
from graph.types.account_mutation import (
    CreateApiTokenInput,
    CreateApiTokenPayload,
    RevokeApiTokenInput,
    RevokeApiTokenPayload,
)
from graph.types.enums import UserErrorCode
from graph.types.node_lookup import load_node_of
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock

_SECRET_BYTES = 32
_HINT_LENGTH = 9
TOKEN_PREFIX = "pace_"  # noqa: S105 - identifies a leaked secret; not a secret itself
_MAX_EXPIRY_YEAR = 9000
MAX_TOKENS = 50
"""Valid tokens of an account, as many as GitHub allows a user."""
_MOST_TOLD = 100


def new_secret() -> tuple[str, str, bytes]:
    """Make a token's secret (256 random bits), a hint to recognize it, and the hash to store."""
    secret = TOKEN_PREFIX + token_urlsafe(_SECRET_BYTES)
    return secret, secret[:_HINT_LENGTH], sha256(secret.encode()).digest()


async def create_api_token(context: Context, wanted: CreateApiTokenInput) -> CreateApiTokenPayload:
    """Create a token with at most the caller's scopes and lifetime.

    Raises MutationRefused, CallerError.
    """
    require_scope(context, Scope.READ)
    caller = context.caller
    checks, name = InputChecks(), None
    with checks.of_field():
        name = checked_text(wanted.name, "input.name", min_length=1, max_length=100, is_line=True)
    with checks.of_field():
        _check_future(wanted.expires_at)
    checks.finish()
    if beyond := set(wanted.scopes) - caller.scopes:
        names = ", ".join(sorted(scope.name for scope in beyond))
        raise MutationRefused(
            UserErrorCode.FORBIDDEN,
            f"You cannot grant scopes that you do not have: {names}.",
            "input.scopes",
        )
    # else a revoked token that only reads could live on in the tokens it created
    require_scope(context, Scope.SYNC)
    expires_at = _expiry(caller, wanted.expires_at)
    key = RequestKey.from_input(context, "createApiToken", wanted)
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

    async def create(connection: AsyncConnection) -> tuple[int, bool]:
        with waiting_for_lock():
            await connection.execute(accounts.lock(), {"account_id": caller.viewer.account_id})
        await _check_still_works(connection, caller)
        made = await key.take(connection) if key else None
        if made:
            return made["result_id"], True
        await _make_room(connection, caller.viewer.account_id)
        created: int = (await connection.execute(api_tokens.create(), values)).scalar_one()
        if key:
            await key.record(connection, result_id=created)
        return created, False

    token_id, is_old = await context.database.writing(create)
    token = await load_node_of(context, "ApiToken", encode_id("ApiToken", token_id), "id")
    return CreateApiTokenPayload(
        api_token=token, secret=None if is_old else secret, already_created=is_old
    )


def _check_future(wanted: datetime | None) -> None:
    if wanted is not None and not datetime.now(UTC) < wanted < _LATEST:
        raise InvalidArgument(
            "input.expiresAt",
            f"must be in the future, and before {_LATEST.date()}. Omit it: never.",
        )


def _expiry(caller: Caller, wanted: datetime | None) -> datetime | None:
    """Check the expiry of a new token. The default is that of the token that creates it."""
    longest = caller.works_until if caller.token_id is not None else None
    if longest is None or wanted is None:
        return wanted or longest
    if wanted > longest:
        message = (
            "The token cannot outlive the token you create it with, which expires at "
            f"{longest.isoformat()}."
        )
        raise MutationRefused(UserErrorCode.FORBIDDEN, message, "input.expiresAt")
    return wanted


async def _check_still_works(connection: AsyncConnection, caller: Caller) -> None:
    """Check the caller's token in the database.

    A token revoked elsewhere may still be cached here; it must not create further tokens.
    """
    if caller.token_id is None:
        return
    found = await connection.execute(api_tokens.working(), {"token_id": caller.token_id})
    if found.first() is None:
        raise MutationRefused(
            UserErrorCode.UNAUTHENTICATED,
            "Your API token has expired or was revoked. Sign in again.",
        )


async def _make_room(connection: AsyncConnection, account_id: int | None) -> None:
    """Check that the locked account may have one more token, and delete the oldest ended ones."""
    account = {"account_id": account_id}
    if (await connection.execute(api_tokens.count_working(), account)).scalar_one() >= MAX_TOKENS:
        message = (
            f"The account has {MAX_TOKENS} valid tokens, which is the maximum. Revoke one first."
        )
        raise MutationRefused(UserErrorCode.CONFLICT, message)
    await connection.execute(api_tokens.delete_ended(), account)


async def revoke_api_token(context: Context, wanted: RevokeApiTokenInput) -> RevokeApiTokenPayload:
    """Revoke a token and those created with it. Admins may revoke the tokens of any account.

    A token of any scope may revoke itself. Raises MutationRefused, CallerError.
    """
    require_scope(context, Scope.READ)
    caller = context.caller
    parameters = {
        "token_id": decode_id_of("ApiToken", wanted.id, "input.id"),
        "revoker_id": caller.viewer.account_id,
    }
    if caller.token_id is None or parameters["token_id"] != caller.token_id:
        require_scope(context, Scope.SYNC)

    async def revoke(connection: AsyncConnection) -> Sequence[int]:
        with waiting_for_lock():
            await connection.execute(
                api_tokens.lock_account(), {"token_id": parameters["token_id"]}
            )
        statement = api_tokens.revoke(of_any_account=caller.viewer.is_admin)
        return (await connection.execute(statement, parameters)).scalars().all()

    family = await context.database.writing(revoke)
    if not family:
        raise not_found("input.id", "token")
    context.callers_changed()
    others = [encode_id("ApiToken", each) for each in family if each != parameters["token_id"]]
    loading = (load_node_of(context, "ApiToken", each, "input.id") for each in others[:_MOST_TOLD])
    return RevokeApiTokenPayload(
        api_token=await load_node_of(context, "ApiToken", wanted.id, "input.id"),
        revoked_with_it=[each for each in await asyncio.gather(*loading) if each is not None],
    )


_LATEST = datetime(_MAX_EXPIRY_YEAR, 1, 1, tzinfo=UTC)
