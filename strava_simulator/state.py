"""All that the routes of one simulator share."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from strava.simulator.faults import Faults
from strava.simulator.gate import RequestLog
from strava.simulator.limits import RateLimiter
from strava.simulator.refusal import BAD_TOKEN, Refused
from strava.simulator.tokens import Grant, Tokens
from strava.simulator.webhooks import Webhooks
from strava.simulator.world import World


@dataclass(frozen=True, slots=True)
class State:
    """`client_id` and `client_secret` are the one application's; `athlete_limit` its most athletes, None for any."""

    world: World
    tokens: Tokens
    webhooks: Webhooks
    limiter: RateLimiter
    faults: Faults
    log: RequestLog
    client_id: str
    client_secret: str
    athlete_limit: int | None

    def is_full_for(self, athlete_id: int) -> bool:
        """Whether the application may not have this athlete on top of those it has."""
        known = self.tokens.grant_of(athlete_id) is not None
        return not known and self.athlete_limit is not None and self.tokens.connected >= self.athlete_limit


def _state(request: Request) -> State:
    return cast("State", request.app.state.simulator)


SimulatorState = Annotated[State, Depends(_state)]


def _grant(request: Request, state: SimulatorState) -> Grant:
    """What the request's bearer token grants. Raises Refused; a token in the query is none, as on Strava."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(BAD_TOKEN)
    return state.tokens.check(token.strip())


TokenGrant = Annotated[Grant, Depends(_grant)]
