"""The API with the older service's routes, inside this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from legacy.app import add_routes
from settings import Settings
from tests.graph.api import Api
from web import create_app


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class Rest(Api):
    """Asks as callers of REST do."""

    async def get(self, path: str, token: str | None = None, **arguments: Any) -> httpx.Response:
        return await self.ask_rest("GET", path, token, **arguments)

    async def post_to(self, path: str, token: str | None = None, **arguments: Any) -> httpx.Response:
        return await self.ask_rest("POST", path, token, **arguments)

    async def ask_rest(self, method: str, path: str, token: str | None = None, **arguments: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.request(method, path, headers=headers | arguments.pop("headers", {}), **arguments)


@asynccontextmanager
async def serve_rest(settings: Settings, **changes: Any) -> AsyncIterator[Rest]:
    changed = settings.model_copy(update=changes)
    app = create_app(changed)
    add_routes(app, changed)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pacegraph.test") as http,
    ):
        yield Rest(app, http)


@pytest.fixture
async def rest(settings: Settings) -> AsyncIterator[Rest]:
    async with serve_rest(settings) as rest:
        yield rest
