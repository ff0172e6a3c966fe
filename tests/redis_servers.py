"""Redis servers on ports of this machine, which can be killed: one behind Sentinels."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

from redis import Redis, RedisError
from redis.sentinel import Sentinel

from local.redis import server_program
from tests.patience import PATIENCE_S

SERVICE = "pacegraph-redis"
_SENTINELS, _QUORUM = 3, 2


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class RedisServer:
    """One server; `arguments` are those of `redis-server`, without its port and folder."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = folder / f"redis-{self.port}"
        self._folder.mkdir()
        self._arguments = arguments
        self.start()

    def start(self) -> None:
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder))
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [server_program(), *self._arguments, *where], stdout=log, stderr=log
            )
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self._folder / "log").read_text()
        with self.client() as client:
            return bool(client.ping())

    def client(self) -> Redis:
        return Redis("127.0.0.1", self.port, socket_timeout=2)

    def write_through(self, key: str, value: str) -> None:
        """Write a key, and wait until a replica has it.

        WAIT counts from the last write of its own connection: hence one for both.
        """
        with self.client() as client, client.client() as connection:
            connection.set(key, value)
            until(lambda: connection.wait(1, 1000) >= 1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds. Errors of Redis count as no."""
    last, end = None, time.monotonic() + PATIENCE_S
    while True:
        try:
            if holds():
                return
        except RedisError as error:
            last = error
        assert time.monotonic() < end, last
        time.sleep(0.05)


class Sentinels:
    """A primary with a replica, and Sentinels that promote the replica within some seconds."""

    def __init__(self, folder: Path) -> None:
        self.primary = RedisServer(folder, "--save", "")
        of_primary = ("--replicaof", "127.0.0.1", str(self.primary.port))
        self.replica = RedisServer(folder, "--save", "", *of_primary)
        self._sentinels = [self._sentinel(folder) for _ in range(_SENTINELS)]
        addresses = [("127.0.0.1", each.port) for each in self._sentinels]
        self.url = "redis+sentinel://" + ",".join(f"{host}:{port}" for host, port in addresses)
        self.url += f"/{SERVICE}/0"
        self._asked = Sentinel(addresses, socket_timeout=1)
        until(lambda: len(self._asked.discover_slaves(SERVICE)) == 1)
        until(lambda: all(each.knows(_SENTINELS - 1) for each in self._sentinels))

    def _sentinel(self, folder: Path) -> "_SentinelServer":
        port = free_port()
        config = folder / f"sentinel-{port}.conf"
        config.write_text(
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} {_QUORUM}\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        return _SentinelServer(folder, str(config), "--sentinel", port=port)

    def fail_over(self) -> RedisServer:
        """Kill the primary, and wait until Sentinels name the replica, which it returns."""
        self.primary.kill()
        until(lambda: self._asked.discover_master(SERVICE)[1] == self.replica.port)
        return self.replica

    def end(self) -> None:
        for each in (*self._sentinels, self.replica, self.primary):
            each.kill()


class _SentinelServer(RedisServer):
    def knows(self, others: int) -> bool:
        """Whether it has found as many others."""
        with self.client() as client:
            return client.sentinel_masters()[SERVICE]["num-other-sentinels"] == others


@contextmanager
def sentinels(folder: Path) -> Iterator[Sentinels]:
    made = Sentinels(folder)
    try:
        yield made
    finally:
        made.end()
