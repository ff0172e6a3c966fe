"""Adds the older service's routes to the API."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Lifespan

from legacy.rest.docs_page import GUIDE, docs_page, guide
from legacy.rest.endpoint import Endpoint, RestServices
from legacy.rest.health import health
from legacy.rest.openapi import describe
from legacy.rest.response_headers import LegacyAnswers
from legacy.rest.routes import ROUTES, RestRoute
from legacy.uses import LegacyUses
from legacy.uses_collector import UsesCollector
from settings import Settings
from web.services import Services


def add_routes(app: FastAPI, settings: Settings) -> None:
    """Add the older service's routes to an API made by `web.create_app`."""
    uses = LegacyUses(settings)
    app.state.metrics.register(UsesCollector(uses))
    services: Services = app.state.services
    rest = RestServices(services, uses)
    app.router.routes += [
        *(Route(path, Endpoint(rest, routes)) for path, routes in _by_path().items()),
        Route("/health", health(services, app.state.readiness, uses)),
        Route("/docs", docs_page),
        *([Route("/docs/rest.md", guide)] if GUIDE.is_file() else []),
    ]
    app.add_middleware(LegacyAnswers, settings=settings, origins=services.origins)
    describe(app, ROUTES, settings.legacy_sunset_on.isoformat())
    app.router.lifespan_context = _counting(uses, app.router.lifespan_context)


def _counting(uses: LegacyUses, lifespan: Lifespan[Any]) -> Lifespan[Any]:
    """Exchange counts with Redis while the API is up, and end the thread with it."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[Any]:
        uses.watch()
        try:
            async with lifespan(app) as state:
                yield state
        finally:
            await to_thread(uses.end)

    return living


def _by_path() -> dict[str, dict[str, RestRoute]]:
    """Map paths to routes by method. A path with a slash at the end is served, not redirected.

    A redirect would name the scheme and host that this process sees, not those of the proxy.
    """
    found: dict[str, dict[str, RestRoute]] = {}
    for route in ROUTES:
        for path in (route.path, *route.aliases):
            for each in (path, f"{path}/"):
                found.setdefault(each, {})[route.method] = route
    return found
