"""The image is built from the Containerfile, and its processes run as compose.yaml runs them."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from graph.global_id import encode_id
from local.generated_secrets import new_encryption_key
from tests import factories as make
from tests.conftest import SECRETS, STRAVA
from tests.operations.containers import Engine
from tests.operations.programs import free_port
from tests.redis_servers import RedisServer
from tests.replication import Server
from tests.web.api_process import until

pytestmark = [pytest.mark.operations, pytest.mark.anyio]

READY_S = 60
JOB = """mutation($id: ID!) { recalculatePersonalBests(input: {athleteId: $id}) { job { id } } }"""
STATUS = "query($id: ID!) { job(id: $id) { status } }"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(Path(tempfile.mkdtemp(prefix="pacegraph-image-")))
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def database_url(engine: Engine) -> Iterator[str]:
    """URL of an empty database, by TCP."""
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-image-"))
    folder.chmod(0o755)
    server = Server(folder / "server")
    server.create()
    server.start()
    yield server.url
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis, by TCP."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), "--save", "")
    yield f"redis://127.0.0.1:{server.port}/0"
    server.kill()


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """What compose.yaml gives each process. The home is the image's own."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRETS["secret_key"],
        "TOKEN_ENCRYPTION_KEYS": new_encryption_key(),
        "PUBLIC_URL": "http://pacegraph.test",
    } | {name.upper(): value for name, value in STRAVA.items()}


def test_it_is_nobodys_root_and_tells_its_health_and_its_end(engine):
    told = engine.facts("{{.User}} {{.Config.StopSignal}} {{json .HealthCheck.Test}}")
    user, signal, health = told.split(" ", 2)
    assert (user, signal) == ("10001:10001", "SIGTERM")
    assert "/healthz" in health


async def test_a_job_goes_from_the_api_to_a_worker(engine, environment, database_url):
    engine.run("migrate", environment=environment)
    database = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with database.begin() as db:
        person = make.create_person(db)
    database.dispose()
    port = free_port()
    served = environment | {"PORT": str(port), "HOST": "127.0.0.1", "SHUTDOWN_DELAY_S": "0"}
    url = f"http://127.0.0.1:{port}"
    with (
        engine.running("api", environment=served) as api,
        engine.running("worker", environment=environment) as worker,
        httpx.Client(trust_env=False, timeout=30) as http,
    ):
        http.headers["authorization"] = f"Bearer {person.token}"
        try:
            await until(lambda: _status(http, f"{url}/readyz") == 200, READY_S)
        except AssertionError as error:
            raise AssertionError(engine.logs(api)) from error
        shape = json.loads(engine.facts("{{json .HealthCheck.Test}}"))
        assert engine.within(api, *shape[1:]).returncode == 0

        athlete = encode_id("Athlete", person.athlete_id)
        asked = _ask(http, url, JOB, athlete)["recalculatePersonalBests"]["job"]["id"]
        await until(lambda: _ask(http, url, STATUS, asked)["job"]["status"] == "SUCCEEDED", READY_S)

        for container in (api, worker):
            assert engine.within(container, "id", "-u").stdout == "10001\n"
            assert engine.within(container, "touch", "/srv/pacegraph/made").returncode != 0
            assert engine.within(container, "touch", "/var/lib/pacegraph/made").returncode == 0
            assert engine.stop(container) == 0, engine.logs(container)


def test_it_lists_its_packages(engine, environment):
    with engine.running("worker", environment=environment) as container:
        listed = engine.within(container, "cat", "/srv/pacegraph/sbom.cdx.json").stdout
    names = {each["name"].lower() for each in json.loads(listed)["components"]}
    assert {"fastapi", "rq", "sqlalchemy", "strawberry-graphql"} <= names
    assert "pytest" not in names


def test_nothing_of_the_checkout_but_the_program_is_in_it(engine, environment):
    with engine.running("worker", environment=environment) as container:
        found = engine.within(container, "ls", "-a", "/srv/pacegraph").stdout.split()
    assert {"cli.py", "web", "schema.graphql"} <= set(found)
    assert not {".git", ".env", "tests", "bench", ".local"} & set(found)


def _status(http: httpx.Client, url: str) -> int:
    try:
        return http.get(url).status_code
    except httpx.TransportError:
        return 0


def _ask(http: httpx.Client, url: str, query: str, athlete: str) -> dict:
    answer = http.post(f"{url}/graphql", json={"query": query, "variables": {"id": athlete}})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]
