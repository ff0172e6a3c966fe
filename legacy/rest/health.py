"""`/health`, for the older service's monitors."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from legacy.uses import LegacyUses
from logs import our_version
from web.routes.health import Readiness
from web.services import Services


def health(
    services: Services, readiness: Readiness, uses: LegacyUses
) -> Callable[[Request], Awaitable[Response]]:
    """Build the endpoint, which shares the result of `/readyz`. Its uses are counted."""
    running = our_version()

    async def answer(_: Request) -> Response:
        uses.count_route("GET /health")
        found = await readiness.check(services)
        return JSONResponse(_body(found, running), 200 if found["status"] == "ok" else 503)

    return answer


def _body(found: dict[str, Any], running: str) -> dict[str, Any]:
    states: dict[str, str] = found["dependencies"]
    return {
        "status": _word(is_well=found["status"] == "ok"),
        "version": running,
        **{name: "connected" if state == "ok" else state for name, state in states.items()},
        "checks": {name: _word(is_well=state == "ok") for name, state in states.items()},
    }


def _word(*, is_well: bool) -> str:
    return "healthy" if is_well else "unhealthy"
