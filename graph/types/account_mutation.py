"""Inputs and payloads of the mutations about tokens and feedback."""

from datetime import datetime

import strawberry

from db.models import Scope
from graph.cost.directives import sized
from graph.types.api_token import ApiToken
from graph.types.payload import Payload, idempotency_key


@strawberry.input(description="The API token to create.")
class CreateApiTokenInput:
    """Input of createApiToken."""

    name: str = strawberry.field(description="Purpose of the token. 1 to 100 characters.")
    scopes: list[Scope] = strawberry.field(
        description="What the token may do: no more than the caller. READ is always included. "
        "Creating a token requires SYNC."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="Expiry time, in the future. Default: never. A token created with another API "
        "token cannot outlive it and by default expires with it.",
    )
    idempotency_key: str | None = idempotency_key("returns the same token without its secret")


@strawberry.type(description="Result of `createApiToken`.")
class CreateApiTokenPayload(Payload):
    """Payload of createApiToken."""

    api_token: ApiToken | None = strawberry.field(
        default=None, description="The new token. Null if refused."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="Secret to send as `Authorization: Bearer …`. Shown only here. Null if "
        "refused, and if `alreadyCreated`.",
    )
    already_created: bool = strawberry.field(
        default=False,
        description="Whether an earlier request with the same idempotency key created the token. "
        "Its secret cannot be shown again.",
    )


@strawberry.input(description="The API token to revoke.")
class RevokeApiTokenInput:
    """Input of revokeApiToken."""

    id: strawberry.ID = strawberry.field(description="Global id of the token.")


@strawberry.type(description="Result of `revokeApiToken`.")
class RevokeApiTokenPayload(Payload):
    """Payload of revokeApiToken."""

    api_token: ApiToken | None = strawberry.field(
        default=None, description="The revoked token. Null if refused."
    )
    revoked_with_it: list[ApiToken] = strawberry.field(
        default_factory=list,
        description="The tokens that were created with it, which are revoked too. At most 100.",
        directives=[sized(1)],
    )


@strawberry.input(description="A message to the operator of this server.")
class SubmitFeedbackInput:
    """Input of submitFeedback."""

    message: str = strawberry.field(description="The message. 1 to 5000 characters.")
    contact: str | None = strawberry.field(
        default=None, description="How to reach you. At most 200 characters. Default: no answer."
    )
    idempotency_key: str | None = idempotency_key("sends nothing again")


@strawberry.type(description="Result of `submitFeedback`.")
class SubmitFeedbackPayload(Payload):
    """Payload of submitFeedback."""

    accepted: bool = strawberry.field(default=False, description="Whether the message was stored.")
