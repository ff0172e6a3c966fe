"""The caller."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.models import Scope
from db.statements.visibility import VIEWER, VIEWER_ACCOUNT
from graph.context import Caller
from graph.cost_directives import sized
from graph.relation import Lookup, lookup, rows_by
from graph.row_type import make
from graph.types.api_token import ApiToken

if TYPE_CHECKING:
    from graph.types.athlete import Athlete


@strawberry.type(description="The caller: who is signed in, and what they may do.")
class Viewer:
    """Made of the request's caller; its relations start from who is signed in."""

    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] | None = lookup(
        Lookup("Athlete", VIEWER, rows_by(m.Athlete, m.Athlete.id)),
        "The athlete the caller is; null for an account without one.",
    )
    scopes: list[Scope] = strawberry.field(description="What the caller may do.")
    api_tokens: list[ApiToken] = lookup(
        Lookup(
            "ApiToken",
            VIEWER_ACCOUNT,
            rows_by(m.ApiToken, m.ApiToken.account_id, order_by=[m.ApiToken.created_at.desc(), m.ApiToken.id.desc()]),
            many=True,
        ),
        "The caller's API tokens, newest first: all that work (at most 50), and the last 50 that were revoked or "
        "expired, which `revokedAt` and `expiresAt` tell.",
        list_size=sized(100),
    )

    @classmethod
    def of(cls, caller: Caller) -> "Viewer":
        keys = {f"key_{VIEWER.key}": caller.viewer.athlete_id, f"key_{VIEWER_ACCOUNT.key}": caller.viewer.account_id}
        return make(cls, {"scopes": sorted(caller.scopes), **keys})
