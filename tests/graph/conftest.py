"""The API over a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from settings import Settings
from tests.graph.api import Api, serve


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with serve(settings) as api:
        yield api


@pytest.fixture
async def sharing_api(settings: Settings) -> AsyncIterator[Api]:
    """The same data, served with SHARING=on."""
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:
        yield api
