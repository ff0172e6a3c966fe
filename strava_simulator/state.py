"""The state that all routes of one simulator share."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from strava_simulator.faults import Faults
from strava_simulator.gate import ENTRY, RequestHistory
from strava_simulator.limits import RateLimiter
from strava_simulator.refusal import BAD_TOKEN, RequestRefused
from strava_simulator.tokens import AthleteGrant, Tokens
from strava_simulator.webhooks import Webhooks
from strava_simulator.world import World


@dataclass(frozen=True, slots=True)
class State:
    """`client_id` and `client_secret` are those of the only application.

    `athlete_limit` is the number of athletes it may connect, None for no limit.
    """

    world: World
    tokens: Tokens
    webhooks: Webhooks
    limiter: RateLimiter
    faults: Faults
    log: RequestHistory
    client_id: str
    client_secret: str
    athlete_limit: int | None

    def is_full_for(self, athlete_id: int) -> bool:
        """Whether this athlete would exceed the application's limit."""
        known = self.tokens.grant_of(athlete_id) is not None
        return (
            not known
            and self.athlete_limit is not None
            and self.tokens.connected >= self.athlete_limit
        )


def _state(request: Request) -> State:
    return cast("State", request.app.state.simulator)


SimulatorState = Annotated[State, Depends(_state)]


def _grant(request: Request, state: SimulatorState) -> AthleteGrant:
    """What the request's bearer token grants. Raises RequestRefused.

    As with Strava, a token in the query does not count.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise RequestRefused(BAD_TOKEN)
    grant = state.tokens.check(token.strip())
    request.scope[ENTRY]["athlete"] = grant.athlete_id
    return grant


CurrentGrant = Annotated[AthleteGrant, Depends(_grant)]
