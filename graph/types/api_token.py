"""API tokens."""

from datetime import datetime

import strawberry

from db import models as m
from db.models import Scope
from graph.mapping.row_type import column, node_id, row_type
from graph.types.node import Node


@row_type(m.ApiToken, "A bearer token. Its secret is shown once, when the token is created.")
class ApiToken(Node):
    """A token's row."""

    id: strawberry.ID = node_id(m.ApiToken, "ApiToken")
    name: str = column(m.ApiToken.name, "Purpose of the token, as given when it was created.")
    hint: str = column(
        m.ApiToken.hint, "First characters of the secret, to recognize the token by."
    )
    scopes: list[Scope] = column(m.ApiToken.scopes, "What the token may do.")
    created_at: datetime = column(m.ApiToken.created_at, "Creation time.")
    expires_at: datetime | None = column(
        m.ApiToken.expires_at, "Expiry time. Null if the token never expires."
    )
    last_used_at: datetime | None = column(
        m.ApiToken.last_used_at, "Time of the last use, to the minute. Null if never used."
    )
    revoked_at: datetime | None = column(
        m.ApiToken.revoked_at, "Time it was revoked. Null if it was not."
    )
