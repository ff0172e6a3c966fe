"""Whether the process lives, and whether what it depends on does."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any

from fastapi import APIRouter, Request
from redis import RedisError
from starlette.responses import JSONResponse

from db.errors import DatabaseError
from web.services import Services, services_of

_PATIENCE_S = 3
_KEPT_S = 0.5
"""How long a look counts: whoever asks without end must not take the dependencies' time, nor make them look away."""

router = APIRouter()


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> dict[str, str]:
    """Answer 200 as long as the process answers at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether what the process depends on answers")
async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when PostgreSQL and Redis answer, else 503; the body says which does not."""
    readiness: Readiness = request.app.state.readiness
    status = await readiness.look(services_of(request))
    return JSONResponse(status, 200 if status["status"] == "ok" else 503)


class Readiness:
    """What the last look found. Those who ask at once share one."""

    def __init__(self) -> None:
        self._looking: asyncio.Task[dict[str, Any]] | None = None
        self._looked_at = 0.0

    async def look(self, services: Services) -> dict[str, Any]:
        """Get the state of all that the process depends on, as the body of an answer."""
        looking = self._looking
        if looking is None or (looking.done() and monotonic() - self._looked_at > _KEPT_S):
            looking = self._looking = asyncio.create_task(self._look(services))
        return await asyncio.shield(looking)

    async def _look(self, services: Services) -> dict[str, Any]:
        database, redis = await asyncio.gather(_state(services.database.ping()), _state(services.jobs.ping()))
        self._looked_at = monotonic()
        ready = database == redis == "ok"
        return {"status": "ok" if ready else "unavailable", "dependencies": {"database": database, "redis": redis}}


async def _state(check: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(check, _PATIENCE_S)
    except (DatabaseError, RedisError, OSError, TimeoutError) as error:
        return f"unavailable: {type(error).__name__}"
    return "ok"
