"""What all tests share: one private PostgreSQL and Redis per test process, no settings from the shell."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from sqlalchemy import Connection, create_engine

from local.migrations import upgrade
from local.postgres import DATABASE, start_postgres
from local.redis import start_redis
from local.secrets import new_encryption_key
from settings import Settings, load_settings

pytest_plugins = ["tests.kinds"]

SECRETS = {"secret_key": "a secret key for tests, long enough", "token_encryption_keys": new_encryption_key()}
STRAVA = {"strava_client_id": "4711", "strava_client_secret": "the-app-secret"}


def pytest_configure() -> None:
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)


@pytest.fixture(scope="session")
def services_home() -> Iterator[Path]:
    """Not under pytest's own folder, whose permissions keep PostgreSQL's user out."""
    home = Path(tempfile.mkdtemp(prefix="pacegraph-test-"))
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres_url(services_home: Path) -> Iterator[str]:
    """URL of the maintenance database of a PostgreSQL 18 that only this test process uses; superuser `postgres`."""
    service = start_postgres(services_home, durable=False)
    yield service.url.replace(f"@/{DATABASE}", "@/postgres")
    service.stop()


@pytest.fixture(scope="session")
def clone(postgres_url: str) -> Callable[[], AbstractContextManager[str]]:
    """Makes migrated databases: the URL of each, which is dropped at the end of the block."""
    numbers = count()

    @contextmanager
    def new() -> Iterator[str]:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy")  # half the time
            yield postgres_url.replace("@/postgres", f"@/{name}")
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    upgrade(load_settings(None, database_url=postgres_url.replace("@/postgres", "@/migrated")))
    return new


@pytest.fixture
def database_url(clone) -> Iterator[str]:
    """URL of a migrated database that this test has for itself."""
    with clone() as url:
        yield url


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    urls = {"database_url": database_url, "redis_url": redis_url, "public_url": "http://pacegraph.test"}
    unlimited = dict.fromkeys(("cost_limit", "cost_bucket_user", "cost_bucket_ip"), 10**9)
    return load_settings(None, pacegraph_home=tmp_path, **urls, **SECRETS, **STRAVA, **unlimited)


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    """A connection to the test's database that commits each statement, for `tests.factories`."""
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


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
