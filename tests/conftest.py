"""What all tests share: one private PostgreSQL and Redis per test process, no settings from the
shell.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis
from sqlalchemy import Connection, NullPool, create_engine, event

from local.generated_secrets import new_encryption_key
from local.postgres import DATABASE, start_postgres
from local.redis import start_redis
from operator_commands.migrations import upgrade
from settings import Settings, load_settings

pytest_plugins = ["tests.kinds"]

SECRETS = {
    "secret_key": "a secret key for tests, long enough",
    "token_encryption_keys": new_encryption_key(),
}
UNLIMITED: dict[str, Any] = {
    **dict.fromkeys(("cost_limit", "cost_bucket_user", "cost_bucket_ip"), 10**9),
    **dict.fromkeys(("database_time_user_ms", "database_time_ip_ms"), 10**9),
    "operation_database_time_s": 60,
    "cost_per_database_ms": 0,
    "slow_operation_ms": 0,
}
"""Limits that bind nothing. Time differs from run to run, so it costs nothing: costs are compared.
Nor is it logged: statements are counted.
"""
STRAVA = {"strava_client_id": "4711", "strava_client_secret": "the-app-secret"}


def pytest_configure() -> None:
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep modules and collected tests out of the garbage collector's sight.

    A full collection takes 0.25 s with them, which was a third of the CPU that tests took.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


Clone = Callable[..., AbstractContextManager[str]]

_IN_MEMORY = Path("/dev/shm")
_IN_MEMORY_BYTES = 2**30
"""What a test process may need there, with room to spare."""


@pytest.fixture(scope="session")
def services_home() -> Iterator[Path]:
    """Folder of the services' data: in memory where there is room, since a database is made for
    each test and copying its files is what takes the time.

    Not under pytest's own folder, whose permissions keep PostgreSQL's user out.
    """
    home = Path(tempfile.mkdtemp(prefix="pacegraph-test-", dir=_folder_in_memory()))
    yield home
    shutil.rmtree(home)


def _folder_in_memory() -> Path | None:
    """Return None for the system's folder of temporary files."""
    if not os.access(_IN_MEMORY, os.W_OK | os.X_OK):
        return None
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    needed = processes * _IN_MEMORY_BYTES
    return _IN_MEMORY if shutil.disk_usage(_IN_MEMORY).free >= needed else None


@pytest.fixture(scope="session")
def postgres_url(services_home: Path) -> Iterator[str]:
    """URL of the maintenance database of a PostgreSQL 18 that only this test process uses;
    superuser `postgres`.
    """
    service = start_postgres(services_home, durable=False)
    yield service.url.replace(f"@/{DATABASE}", "@/postgres")
    service.stop()


@pytest.fixture(scope="session")
def clone_of(postgres_url: str) -> Iterator[Clone]:
    """Copies a database: `with clone_of(name) as url`. The copy is dropped at the end."""
    numbers = count()
    with psycopg.connect(postgres_url, autocommit=True) as connection:

        @contextmanager
        def copy(template: str) -> Iterator[str]:
            name = f"test_{next(numbers)}"
            # files are copied without being written to the log: half the time
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
            yield postgres_url.replace("@/postgres", f"@/{name}")
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

        yield copy


@pytest.fixture(scope="session")
def clone(postgres_url: str, clone_of: Clone, request: pytest.FixtureRequest) -> Clone:
    """Makes migrated databases: the URL of each, which is dropped at the end of the block."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    url = postgres_url.replace("@/postgres", "@/migrated")
    upgrade(load_settings(None, database_url=url))
    if partitioned := request.config.pluginmanager.get_plugin("tests.partitioned"):
        partitioned.partition(url)
    return partial(clone_of, "migrated")


@pytest.fixture
def database_url(clone: Clone) -> Iterator[str]:
    """URL of a migrated database that this test has for itself."""
    with clone() as url:
        yield url


Reached = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def reached(request: pytest.FixtureRequest) -> Reached:
    """Makes the settings by which the database of a URL is reached.

    `-p tests.operations.pgbouncer` puts a pooler in front of all that are reached so.
    """
    if request.config.pluginmanager.has_plugin("tests.operations.pgbouncer"):
        pooled: Reached = request.getfixturevalue("pooled_by")
        return pooled
    return lambda url: {"database_url": url}


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path, reached: Reached) -> Settings:
    return settings_of(database_url, redis_url, tmp_path, **reached(database_url))


def settings_of(database_url: str, redis_url: str, home: Path, /, **changes: str) -> Settings:
    urls = {
        "database_url": database_url,
        "redis_url": redis_url,
        "public_url": "http://pacegraph.test",
        **changes,
    }
    return load_settings(None, pacegraph_home=home, **urls, **SECRETS, **STRAVA, **UNLIMITED)


@pytest.fixture(scope="module")
def shared_settings(
    clone: Clone,
    redis_server_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    reached: Reached,
) -> Iterator[Settings]:
    """Settings of a migrated database that the tests of a module share, for they leave it as it is.

    A database and an API of its own are half of what a short test costs.
    """
    with Redis.from_url(redis_server_url) as client:
        client.flushall()
    with clone() as url:
        home = tmp_path_factory.mktemp("shared")
        yield settings_of(url, redis_server_url, home, **reached(url))


Connect = Callable[[str], AbstractContextManager[Connection]]


@pytest.fixture(scope="session")
def connect_to() -> Iterator[Connect]:
    """Opens connections that commit each statement, to the database of a URL.

    All are of one engine, so that a statement is compiled once for all tests.
    """
    engine = create_engine(
        "postgresql+psycopg://", poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    url = ""

    @event.listens_for(engine, "do_connect")
    def _choose(_dialect: object, _record: object, arguments: list[str], _: object) -> None:
        arguments[:] = [url]

    def open_(to: str) -> Connection:
        nonlocal url
        url = to
        return engine.connect()

    yield open_
    engine.dispose()


@pytest.fixture
def db(connect_to: Connect, database_url: str) -> Iterator[Connection]:
    """A connection to the test's database that commits each statement, for `tests.factories`."""
    with connect_to(database_url) as connection:
        yield connection


@pytest.fixture(scope="module")
def shared_db(connect_to: Connect, shared_settings: Settings) -> Iterator[Connection]:
    """A connection to the module's database that commits each statement, past any pooler as `db`."""
    url = shared_settings.past_pooler().database_url
    assert url
    with connect_to(url.get_secret_value()) as connection:
        yield connection


@pytest.fixture(scope="session")
def redis_server_url(services_home: Path) -> Iterator[str]:
    service = start_redis(services_home)
    yield service.url
    service.stop()


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    with Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url
