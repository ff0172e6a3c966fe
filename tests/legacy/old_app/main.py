"""Running analytics API."""
import time
import uuid

from fastapi import FastAPI, Request
from sqlalchemy import text

import database
from core.config import settings
from core.logging import get_logger, setup_logging
from routers import feedback, strava, v1
from schemas import HealthResponse

setup_logging()
logger = get_logger(__name__)

app = FastAPI(title="Running analytics", version="1.4.0")
app.include_router(v1.router)
app.include_router(strava.router)
app.include_router(feedback.router)


@app.middleware("http")
async def log_requests(request: Request, call_next):
    request_id = request.headers.get("X-Request-ID", str(uuid.uuid4()))
    started = time.time()
    response = await call_next(request)
    logger.info("%s %s -> %s in %.1f ms", request.method, request.url.path, response.status_code,
                (time.time() - started) * 1000)
    response.headers["X-Request-ID"] = request_id
    return response


@app.get("/health", response_model=HealthResponse)
def health():
    """Enhanced health check: database and pool."""
    with database.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return {
        "status": "healthy",
        "version": app.version,
        "database": "connected",
        "redis": "connected" if settings.REDIS_URL else "off",
        "checks": {"database": "healthy", "redis": "healthy" if settings.REDIS_URL else "unhealthy"},
    }
