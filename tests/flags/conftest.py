"""A Redis that tests may kill, and the API in this process."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI

from flags.flags import Flags
from flags.rollout import OFF, ON
from flags.store import FlagStore
from flags.switches import Flag
from runtime.redis_clients import redis_client
from settings import Settings
from tests.graph.api import Api, serve
from tests.web.conftest import listening
from tests.web.limits.conftest import OwnRedis, until
from web import create_app


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


@pytest.fixture
def store(settings: Settings) -> Iterator[FlagStore]:
    with redis_client(settings) as client:
        yield FlagStore(settings, client)


class Served:
    """The API on a socket, its flags changed as operators do."""

    def __init__(self, app: FastAPI, address: str, store: FlagStore) -> None:
        self.flags: Flags = app.state.services.flags
        self.address = address
        self._store = store

    async def switch(self, flag: Flag, *, is_on: bool) -> None:
        """Change a flag, and wait until it is heeded."""
        self._store.set(flag, ON if is_on else OFF)
        await until(lambda: self.flags.rollout_of(flag)[0].is_killed is not is_on)


@pytest.fixture
def served(settings: Settings, store: FlagStore) -> Iterator[Callable[..., Served]]:
    """Serves the API with changed settings."""
    with ExitStack() as stack:

        def start(**changes: object) -> Served:
            app = create_app(settings.model_copy(update=changes))
            return Served(app, stack.enter_context(listening(app)), store)

        yield start
