"""The API: inside this process, and on a real socket for what needs one."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from graph.global_id import encode_id
from local.simulated_strava import DEMO_RUNS
from settings import Settings
from strava_simulator import create_simulator
from tests import factories as make
from tests import http_server
from tests.conftest import STRAVA
from tests.graph.api import Api, serve
from web import create_app
from web.http.short_way import ShortWayHttp


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with serve(settings) as api:
        yield api


@contextmanager
def listening(app) -> Iterator[str]:
    """Serve `app` as `pacegraph api` does, on a free port; gives host and port."""
    options = {"http": ShortWayHttp, "log_config": None, "proxy_headers": False}
    with http_server.listening(app, **options) as address:
        yield address


@pytest.fixture
def serving(settings: Settings) -> Iterator[Callable[..., str]]:
    """Serves the API with changed settings; gives host and port."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(
            listening(create_app(settings.model_copy(update=changes)))
        )


@pytest.fixture
def address(serving) -> str:
    return serving()


@pytest.fixture(scope="module")
def strava_url() -> Iterator[str]:
    """A simulated Strava with three athletes."""
    secrets = {
        "client_id": STRAVA["strava_client_id"],
        "client_secret": STRAVA["strava_client_secret"],
    }
    with listening(create_simulator(runs=DEMO_RUNS, athletes=3, **secrets)) as address:
        yield f"http://{address}"


@pytest.fixture
def person(db) -> make.Person:
    """Somebody with an account and a token."""
    return make.create_person(db)


@pytest.fixture
def job(db, person) -> str:
    """Global id of a job of theirs, which runs."""
    return encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
