"""A Redis that tests may kill, and the API in this process."""

from collections.abc import AsyncIterator, Iterator

import pytest

from settings import Settings
from tests.graph.api import Api, serve
from tests.web.limits.conftest import OwnRedis


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def redis(tmp_path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.service.stop()


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with serve(settings) as api:
        yield api
