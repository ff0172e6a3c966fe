"""Inputs and payloads of the mutations about tokens and feedback."""

from datetime import datetime

import strawberry

from db.models import Scope
from graph.refusal import Payload
from graph.types.api_token import ApiToken


@strawberry.input(description="The API token to make.")
class CreateApiTokenInput:
    """Input of createApiToken."""

    name: str = strawberry.field(description="What it is for; 1 to 100 characters.")
    scopes: list[Scope] = strawberry.field(
        description="What it may do: no more than the caller may. READ is always among them. Making a token takes SYNC."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When it stops working; in the future. When not given: never, or when the API token that makes it "
        "does, which it cannot outlive.",
    )


@strawberry.type(description="The new API token.")
class CreateApiTokenPayload(Payload):
    """Payload of createApiToken."""

    api_token: ApiToken | None = strawberry.field(default=None, description="The token; null when refused.")
    secret: str | None = strawberry.field(
        default=None, description="What to send as `Authorization: Bearer …`. Shown this once; null when refused."
    )


@strawberry.input(description="The API token to revoke.")
class RevokeApiTokenInput:
    """Input of revokeApiToken."""

    id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.type(description="The revoked API token.")
class RevokeApiTokenPayload(Payload):
    """Payload of revokeApiToken."""

    api_token: ApiToken | None = strawberry.field(default=None, description="The token; null when refused.")


@strawberry.input(description="What you want to say to the operator of this server.")
class SubmitFeedbackInput:
    """Input of submitFeedback."""

    message: str = strawberry.field(description="1 to 5000 characters.")
    contact: str | None = strawberry.field(default=None, description="How to answer you; at most 200 characters.")


@strawberry.type(description="Whether the message arrived.")
class SubmitFeedbackPayload(Payload):
    """Payload of submitFeedback."""

    accepted: bool = strawberry.field(default=False, description="Whether it was kept.")
