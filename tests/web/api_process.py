"""The API as it is served: a process of its own, by `pacegraph api`."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

import httpx
import psutil
from pydantic import SecretStr

from settings import Settings, child_environment

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class ApiProcess:
    address: str
    pid: int

    @property
    def rss_mb(self) -> float:
        return psutil.Process(self.pid).memory_info().rss / 2**20

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    @property
    def files(self) -> int:
        return psutil.Process(self.pid).num_fds()

    @property
    def sockets(self) -> int:
        """Connections that clients have, or had and which are not closed yet."""
        port = int(self.address.rpartition(":")[2])
        found = psutil.Process(self.pid).net_connections("tcp")
        return len([each for each in found if each.laddr.port == port and each.raddr])

    def gauges(self) -> dict[str, float]:
        """What `/metrics` says, by name without prefix and labels."""
        text = httpx.get(f"http://{self.address}/metrics", trust_env=False).text
        return {
            name: float(value)
            for name, value in re.findall(r"^pacegraph_(\w+) ([0-9.e+]+)$", text, re.MULTILINE)
        }


@contextmanager
def api_process(
    settings: Settings, folder: Path, port: int | None = None, **changes: object
) -> Iterator[ApiProcess]:
    """Serve on `port`, or on one that is free."""
    if port is None:
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    given = settings.model_copy(update=changes)
    environment = child_environment(**environment_of(given), PORT=str(port))
    log = folder / "api.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "cli", "api"]
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=out, stderr=out)
        try:
            _await(f"http://127.0.0.1:{port}/healthz", process, log)
            yield ApiProcess(f"127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            process.wait(timeout=10)


async def until(is_so: Callable[[], bool], within_s: float) -> float:
    """Wait for it; gives how long it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < within_s
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def environment_of(settings: Settings) -> dict[str, str]:
    """Get the environment variables that give a process these settings."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {name.upper(): _text(value) for name, value in given.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(_text, value)) if isinstance(value, tuple) else str(value)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
