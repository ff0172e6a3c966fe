"""The API over a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from settings import Settings
from tests.graph.api import Api, serve
from tests.graph.plan.population import populate


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


@pytest.fixture(scope="module")
async def shared_api(shared_settings: Settings) -> AsyncIterator[Api]:
    """The API over the database that a module's tests share."""
    async with serve(shared_settings) as api:
        yield api


@pytest.fixture(scope="module")
async def shared_sharing_api(shared_settings: Settings) -> AsyncIterator[Api]:
    """The same data, served with SHARING=on."""
    async with serve(shared_settings.model_copy(update={"sharing": "on"})) as api:
        yield api


@pytest.fixture(scope="module")
def population_url(clone):
    """URL of a database that has the population, for one module."""
    with clone() as url:
        yield url


@pytest.fixture(scope="module")
def population(connect_to, population_url):
    """Athletes with all kinds of rows, as `populate` makes them."""
    with connect_to(population_url) as connection:
        yield populate(connection)
