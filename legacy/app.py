"""What the older service's callers find in the API."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route as Path
from starlette.types import Lifespan

from legacy.rest.answers import LegacyAnswers
from legacy.rest.docs_page import GUIDE, docs_page, guide
from legacy.rest.endpoint import Endpoint, Rest
from legacy.rest.health import health
from legacy.rest.openapi import describe
from legacy.rest.routes import ROUTES, Route
from legacy.uses import LegacyUses
from legacy.uses_metric import UsesCollector
from settings import Settings
from web.services import Services


def add_routes(app: FastAPI, settings: Settings) -> None:
    """Add the older service's routes to the API that `web.create_app` made."""
    uses = LegacyUses(settings)
    app.state.metrics.register(UsesCollector(uses))
    services: Services = app.state.services
    rest = Rest(services, uses)
    app.router.routes += [
        *(Path(path, Endpoint(rest, routes)) for path, routes in _by_path().items()),
        Path("/health", health(services, app.state.readiness, uses)),
        Path("/docs", docs_page),
        *([Path("/docs/rest.md", guide)] if GUIDE.is_file() else []),
    ]
    app.add_middleware(LegacyAnswers, settings=settings, origins=services.origins)
    describe(app, ROUTES, settings.legacy_sunset_on.isoformat())
    app.router.lifespan_context = _counting(uses, app.router.lifespan_context)


def _counting(uses: LegacyUses, lifespan: Lifespan[Any]) -> Lifespan[Any]:
    """Write and read the counts as long as the API is up: no thread outlives it."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[Any]:
        uses.watch()
        try:
            async with lifespan(app) as state:
                yield state
        finally:
            await to_thread(uses.end)

    return living


def _by_path() -> dict[str, dict[str, Route]]:
    """Sort the routes by their paths, and those by method. A slash at the end is answered, not redirected.

    The redirect would name the scheme and host that this process sees, which behind a proxy may be http.
    """
    found: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        for path in (route.path, *route.aliases):
            for each in (path, f"{path}/"):
                found.setdefault(each, {})[route.method] = route
    return found
