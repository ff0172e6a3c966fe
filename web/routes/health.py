"""Liveness of the process, and readiness of what it depends on."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any

from fastapi import APIRouter, Request
from redis import RedisError
from starlette.responses import JSONResponse

from db.errors import DatabaseError
from runtime.single_flight import SingleFlight
from web.services import Services, services_of

_PATIENCE_S = 3
_KEPT_S = 0.5
"""Seconds that a check counts: a flood of probes must not take connections from others."""

router = APIRouter()


@router.get("/healthz", summary="Check that the process runs")
async def healthz() -> dict[str, str]:
    """Answer 200 as long as the process answers at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Check that PostgreSQL answers and Redis takes writes")
async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when PostgreSQL answers and Redis takes writes, else 503 and which does not.

    A process that was told to stop answers 503 with the status `stopping`.
    """
    readiness: Readiness = request.app.state.readiness
    status = await readiness.check(services_of(request))
    return JSONResponse(status, 200 if status["status"] == "ok" else 503)


class Readiness:
    """The state of what the process depends on. Concurrent requests share one check."""

    def __init__(self) -> None:
        self._checks = SingleFlight[None, dict[str, Any]]()
        self._last: dict[str, Any] | None = None
        self._checked_at = 0.0
        self.is_stopping = False
        self.warming_up: asyncio.Task[None] | None = None
        """What the first check waits for, so that no operation comes before it; None: nothing."""

    async def check(self, services: Services) -> dict[str, Any]:
        """Get the state, at most _KEPT_S seconds old, as the body of an answer."""
        if self.is_stopping:
            return {"status": "stopping"}
        if self._last is not None and monotonic() - self._checked_at <= _KEPT_S:
            return self._last
        return await self._checks.run(None, lambda: self._check(services))

    async def _check(self, services: Services) -> dict[str, Any]:
        if self.warming_up is not None:
            await asyncio.wait([self.warming_up], timeout=_PATIENCE_S)
        database, redis = await asyncio.gather(
            _state(services.database.ping()), _state(services.jobs.check_writable())
        )
        ready = database == redis == "ok"
        self._checked_at = monotonic()
        self._last = {
            "status": "ok" if ready else "unavailable",
            "dependencies": {"database": database, "redis": redis},
        }
        return self._last


async def _state(check: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(check, _PATIENCE_S)
    except (DatabaseError, RedisError, OSError, TimeoutError) as error:
        return f"unavailable: {type(error).__name__}"
    return "ok"
