"""The caller."""

from typing import Annotated

import strawberry

from db.models import Scope
from graph.context import Info
from graph.relation import NO_ARGUMENTS
from graph.types.api_token import TOKENS_OF_ACCOUNT, ApiToken
from graph.types.athlete import ATHLETE_BY_ID, Athlete


@strawberry.type(description="The caller: who is signed in, and what they may do.")
class Viewer:
    """Made of the request's caller."""

    account_id: strawberry.Private[int]
    athlete_id: strawberry.Private[int | None]
    scopes: list[Scope] = strawberry.field(description="What the caller may do.")

    @strawberry.field(description="The athlete the caller is; null for an account without one.")
    async def athlete(self, info: Info) -> Annotated[Athlete, strawberry.lazy("graph.types.athlete")] | None:
        found: Athlete | None = await info.context.loaders.lookup(ATHLETE_BY_ID, NO_ARGUMENTS, self.athlete_id)
        return found

    @strawberry.field(description="The caller's API tokens, newest first, revoked and expired ones too.")
    async def api_tokens(self, info: Info) -> list[ApiToken]:
        tokens: list[ApiToken] = await info.context.loaders.lookup(TOKENS_OF_ACCOUNT, NO_ARGUMENTS, self.account_id)
        return tokens
