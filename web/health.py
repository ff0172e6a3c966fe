"""Whether the process lives, and whether what it depends on does."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter, Request
from redis import RedisError
from starlette.responses import JSONResponse

from db.errors import DatabaseError
from web.services import services_of

_PATIENCE_S = 3

router = APIRouter()


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> dict[str, str]:
    """Answer 200 as long as the process answers at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether what the process depends on answers")
async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when PostgreSQL and Redis answer, else 503; the body says which does not."""
    services = services_of(request)
    database, redis = await asyncio.gather(_state(services.database.ping()), _state(services.jobs.ping()))
    ready = database == redis == "ok"
    status = {"status": "ok" if ready else "unavailable", "dependencies": {"database": database, "redis": redis}}
    return JSONResponse(status, 200 if ready else 503)


async def _state(check: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(check, _PATIENCE_S)
    except (DatabaseError, RedisError, OSError, TimeoutError) as error:
        return f"unavailable: {type(error).__name__}"
    return "ok"
