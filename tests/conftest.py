"""What all tests share: one private PostgreSQL and Redis per test process, no settings from the shell."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.postgres import DATABASE, start_postgres
from local.redis import start_redis
from settings import Settings


def pytest_configure() -> None:
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)


@pytest.fixture(scope="session")
def services_home() -> Iterator[Path]:
    """Folder of this process's services. Not under pytest's own, whose permissions keep PostgreSQL's user out."""
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
def redis_server_url(services_home: Path) -> Iterator[str]:
    service = start_redis(services_home)
    yield service.url
    service.stop()


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """URL of a Redis that only this test process uses, empty when the test begins."""
    from redis import Redis

    with Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url
