"""API tokens and feedback."""

from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe

from db.models import Scope
from db.statements import account as statements
from graph.access import not_found, require_scope
from graph.arguments import checked_text
from graph.context import Info
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


def new_secret() -> tuple[str, str, bytes]:
    """Make a token's secret (256 random bits), the hint to recognise it by, and the hash to keep."""
    secret = TOKEN_PREFIX + token_urlsafe(_SECRET_BYTES)
    return secret, secret[:_HINT_LENGTH], sha256(secret.encode()).digest()


async def create_api_token(info: Info, wanted: CreateApiTokenInput) -> CreateApiTokenPayload:
    """Make a token that may do no more than the caller. Raises Refused, CallerError."""
    require_scope(info, Scope.READ)
    name = checked_text(wanted.name, "input.name", min_length=1, max_length=100)
    if beyond := set(wanted.scopes) - info.context.caller.scopes:
        names = ", ".join(sorted(scope.name for scope in beyond))
        raise Refused(UserErrorCode.FORBIDDEN, f"You may not give away what you do not have: {names}.", "input.scopes")
    if wanted.expires_at is not None and not datetime.now(UTC) < wanted.expires_at < _LATEST:
        raise InvalidArgument("It must lie in the future.", "input.expiresAt")
    secret, hint, digest = new_secret()
    async with info.context.database.write() as connection:
        token_id = (
            await connection.execute(
                statements.create_token(),
                {
                    "account_id": info.context.viewer.account_id,
                    "name": name,
                    "hint": hint,
                    "secret_sha256": digest,
                    "scopes": sorted({Scope.READ, *wanted.scopes}),
                    "expires_at": wanted.expires_at,
                },
            )
        ).scalar_one()
    token = await load_node_of(info, "ApiToken", encode_id("ApiToken", token_id), "id")
    return CreateApiTokenPayload(api_token=token, secret=secret)


async def revoke_api_token(info: Info, global_id: str) -> RevokeApiTokenPayload:
    """Revoke a token of the caller, or for an admin anybody's. Raises Refused, CallerError."""
    require_scope(info, Scope.READ)
    viewer = info.context.viewer
    parameters = {"token_id": decode_id_of("ApiToken", global_id, "input.id"), "revoker_id": viewer.account_id}
    async with info.context.database.write() as connection:
        statement = statements.revoke_token(of_any_account=viewer.is_admin)
        revoked = (await connection.execute(statement, parameters)).scalar()
    if revoked is None:
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
