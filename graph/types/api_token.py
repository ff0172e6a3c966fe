"""API tokens."""

from datetime import datetime

import strawberry

from db import models as m
from db.models import Scope
from graph.row_type import column, node_id, row_type
from graph.types.node import Node


@row_type(m.ApiToken, "A bearer token. Its secret was shown once, when it was made.")
class ApiToken(Node):
    """A token's row."""

    id: strawberry.ID = node_id(m.ApiToken, "ApiToken")
    name: str = column(m.ApiToken.name, "What it is for, as its maker wrote.")
    hint: str = column(m.ApiToken.hint, "The secret's first characters, to recognise it by.")
    scopes: list[Scope] = column(m.ApiToken.scopes, "What it may do.")
    created_at: datetime = column(m.ApiToken.created_at, "When it was made.")
    expires_at: datetime | None = column(m.ApiToken.expires_at, "When it stops working; null for never.")
    last_used_at: datetime | None = column(
        m.ApiToken.last_used_at, "When it was last used, to the minute; null for never."
    )
    revoked_at: datetime | None = column(m.ApiToken.revoked_at, "When it was revoked; null while it works.")
