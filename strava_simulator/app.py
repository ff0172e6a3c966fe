"""Assembles the simulated Strava."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from runtime.clock import utc_now
from strava_simulator import api, control, oauth
from strava_simulator.faults import Faults
from strava_simulator.gate import Gate, RequestHistory
from strava_simulator.limits import RateLimiter, RateLimits
from strava_simulator.refusal import Refusal, RequestRefused, invalid
from strava_simulator.runs_file import load_runs
from strava_simulator.state import State
from strava_simulator.tokens import Tokens
from strava_simulator.webhooks import Webhooks
from strava_simulator.world import FIRST_ATHLETE_ID, World

_Handler = Callable[[Request, Exception], Awaitable[Response]]


def create_simulator(
    *,
    runs: Path | None,
    client_id: str,
    client_secret: str,
    athletes: int = 1,
    rate_limits: RateLimits | None = None,
    token_lifetime_s: float = 21_600,
    athlete_limit: int | None = None,
    webhook_retry_delay_s: float = 1,
    public_url: str | None = None,
    clock: Callable[[], datetime] | None = None,
    synthetic: bool = True,
) -> FastAPI:
    """Make a simulated Strava as an ASGI application, with its state in memory.

    `runs` is the file with the first athlete's runs, one JSON object per line; None for no runs.
    Athletes have the ids 1001 and up; all but the first have `synthetic` activities, generated on
    demand, or none. There is no rate limit unless given. `public_url` is the address in its API description.
    `clock` gives the time, aware UTC, also of the header `Date`, which the server must then not add.
    Raises SimulatorRunsInvalid if `runs` is invalid.
    """
    now = clock or utc_now
    tokens = Tokens(client_secret, token_lifetime_s, now)
    state = State(
        world=World(
            load_runs(runs, FIRST_ATHLETE_ID) if runs else [], athletes, now, synthetic=synthetic
        ),
        tokens=tokens,
        webhooks=Webhooks(tokens, webhook_retry_delay_s, now),
        limiter=RateLimiter(rate_limits or RateLimits(), now),
        faults=Faults(),
        log=RequestHistory(),
        client_id=client_id,
        client_secret=client_secret,
        athlete_limit=athlete_limit,
    )
    return _application(state, public_url, clock)


def _application(
    state: State, public_url: str | None, clock: Callable[[], datetime] | None
) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await state.webhooks.stop()

    app = FastAPI(
        title="Simulated Strava",
        description="Strava's API as documented, with its state in memory. "
        "Paths under /simulator control the simulation.",
        version="3.0.0",
        servers=[{"url": public_url}] if public_url else None,
        lifespan=lifespan,
    )
    app.state.simulator = state
    for module in (api, oauth, control):
        app.include_router(module.router)
    app.add_middleware(Gate, log=state.log, faults=state.faults, limiter=state.limiter, clock=clock)
    app.add_exception_handler(RequestRefused, cast("_Handler", _refuse))
    app.add_exception_handler(HTTPException, cast("_Handler", _refuse_path))
    app.add_exception_handler(RequestValidationError, cast("_Handler", _refuse_parameters))
    return app


async def _refuse(_: Request, refused: RequestRefused) -> Response:
    return Response(refused.refusal.body, refused.refusal.status, media_type="application/json")


async def _refuse_path(request: Request, error: HTTPException) -> Response:
    """Answer an unknown path or method, in Strava's form on Strava's own paths."""
    if request.url.path.startswith("/simulator"):
        return await http_exception_handler(request, error)
    return await _refuse(
        request,
        RequestRefused(Refusal(error.status_code, error.detail, "Application", "path", "invalid")),
    )


async def _refuse_parameters(request: Request, error: RequestValidationError) -> Response:
    """Answer invalid parameters: in Strava's form on its paths, else in FastAPI's."""
    if request.url.path.startswith("/simulator"):
        return await request_validation_exception_handler(request, error)
    first = error.errors()[0]
    missing = first["type"] == "missing"
    return await _refuse(
        request,
        RequestRefused(
            invalid("Application", str(first["loc"][-1]), "missing" if missing else "invalid")
        ),
    )
