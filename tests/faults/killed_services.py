"""A PostgreSQL and a Redis that tests kill."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from redis import Redis

from local.embedded_service import Service
from local.postgres import start_postgres
from local.redis import start_redis
from operator_commands.migrations import upgrade
from settings import load_settings


class Services:
    """Both, for tests of one module."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._copies = count()
        self.start_postgres()
        self.start_redis()
        self.migrated = self.url("migrated")
        with self._maintenance() as connection:
            connection.execute("CREATE DATABASE migrated")
        upgrade(load_settings(None, database_url=self.migrated))

    def start_postgres(self) -> None:
        self.postgres: Service = start_postgres(self.home)

    def start_redis(self) -> None:
        self.redis: Service = start_redis(self.home)

    def url(self, database: str) -> str:
        return self.postgres.url.replace("@/pacegraph", f"@/{database}")

    def new_database(self) -> str:
        with self._maintenance() as connection:
            connection.execute("DROP DATABASE IF EXISTS mine WITH (FORCE)")
            connection.execute("CREATE DATABASE mine TEMPLATE migrated STRATEGY file_copy")
        return self.url("mine")

    def kill_postgres(self) -> None:
        """Kill it with SIGKILL, and start it again."""
        kill(psutil.Process(self.postgres.process.pid))
        self.postgres.process.wait()
        self.start_postgres()

    def kill_redis(self) -> None:
        """Kill it with SIGKILL, and start it again: empty, for it keeps nothing on disk."""
        kill(psutil.Process(self.redis.process.pid))
        self.redis.process.wait()
        self.start_redis()

    @contextmanager
    def clone_of(self, template: str) -> Iterator[str]:
        """Copy a database; the copy is dropped at the end."""
        name = f"copy_{next(self._copies)}"
        with self._maintenance() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield self.url(name)
        with self._maintenance() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self.redis.stop()
        self.postgres.stop()

    def _maintenance(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url("postgres"), autocommit=True)


def kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    services = Services(tmp_path_factory.mktemp("services"))
    yield services
    services.stop()


@pytest.fixture
def database_url(services: Services) -> str:
    return services.new_database()


@pytest.fixture
def redis_url(services: Services) -> str:
    with Redis.from_url(services.redis.url) as redis:
        redis.flushall()
    return services.redis.url
