"""The caller."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.models import Scope
from db.statements.visibility import VIEWER, VIEWER_ACCOUNT
from graph.context import Caller
from graph.cost.directives import sized
from graph.global_id import encode_id
from graph.mapping.relation import Lookup, lookup, rows_by
from graph.mapping.row_type import make
from graph.types.api_token import ApiToken

if TYPE_CHECKING:
    from graph.types.athlete import Athlete


@strawberry.type(description="The signed-in caller.")
class Viewer:
    """The request's caller. Its relations start from the signed-in athlete and account."""

    id: strawberry.ID = strawberry.field(
        description="Id of the caller's account, by which caches keep the caller's data apart from "
        "another account's. `node` does not take it: ask for `viewer` again."
    )
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] | None = lookup(
        Lookup("Athlete", VIEWER, rows_by(m.Athlete, m.Athlete.id)),
        "The caller's athlete. Null if the account has none.",
    )
    scopes: list[Scope] = strawberry.field(description="What the caller may do.")
    api_tokens: list[ApiToken] = lookup(
        Lookup(
            "ApiToken",
            VIEWER_ACCOUNT,
            rows_by(
                m.ApiToken,
                m.ApiToken.account_id,
                order_by=[m.ApiToken.created_at.desc(), m.ApiToken.id.desc()],
            ),
            many=True,
        ),
        "The caller's API tokens, newest first: all valid ones (at most 50) and the "
        "last 50 revoked or expired ones, as `revokedAt` and `expiresAt` show.",
        list_size=sized(100),
    )

    @classmethod
    def from_caller(cls, caller: Caller) -> "Viewer":
        keys = {
            f"key_{VIEWER.key}": caller.viewer.athlete_id,
            f"key_{VIEWER_ACCOUNT.key}": caller.viewer.account_id,
        }
        assert caller.viewer.account_id is not None
        account = encode_id("Viewer", caller.viewer.account_id)
        return make(cls, {"id": account, "scopes": sorted(caller.scopes), **keys})
