"""A network of hosts with PostgreSQL and Redis on one of them, for tests that take its fixtures."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, RedisError

from local.generated_secrets import new_encryption_key
from local.redis import server_program
from settings import Settings, load_settings
from tests.conftest import SECRETS
from tests.operations.hosts import Host, Network, require_namespaces
from tests.patience import PATIENCE_S
from tests.replication import Server

REDIS_PORT = 6379
WORKERS = ("worker-1", "worker-2", "worker-3")


class HostedServer(Server):
    """A PostgreSQL on a host, which takes connections of all of them."""

    def __init__(self, folder: Path, host: Host) -> None:
        super().__init__(folder, listen_addresses="*")
        self._host = host

    @property
    def address(self) -> str:
        return f"{self._host.address}:{self._port}"

    def create(self) -> None:
        super().create()
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all,replication all samenet trust\n")

    def start(self) -> None:
        with self._host.entered():
            super().start()


@pytest.fixture
def network() -> Iterator[Network]:
    require_namespaces()
    with Network("data", "replica", *WORKERS) as made:
        yield made


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-hosts-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(network: Network, data: Path) -> Iterator[HostedServer]:
    made = HostedServer(data / "server", network["data"])
    made.create()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def redis(network: Network, tmp_path: Path) -> Iterator[Redis]:
    given = {"port": REDIS_PORT, "bind": "0.0.0.0", "protected-mode": "no", "save": ""}
    options = [str(part) for name, value in given.items() for part in (f"--{name}", value)]
    network["data"].start([server_program(), *options], tmp_path / "redis.log")
    with Redis(network["data"].address, REDIS_PORT) as client:
        until(client.ping)
        yield client


@pytest.fixture
def settings(server: HostedServer, redis: Redis, tmp_path: Path) -> Settings:
    return load_settings(
        None,
        pacegraph_home=tmp_path,
        database_url=server.url,
        redis_url=f"redis://{server.address.partition(':')[0]}:{REDIS_PORT}",
        secret_key=SECRETS["secret_key"],
        token_encryption_keys=new_encryption_key(),
    )


def until(holds: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """Wait for what is true, and give it. Errors of Redis count as no."""
    deadline = time.monotonic() + within_s
    while True:
        with suppress(RedisError):
            if found := holds():
                return found
        assert time.monotonic() < deadline
        time.sleep(0.05)
