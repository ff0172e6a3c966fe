"""Two API processes, each of which can be restarted."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from graph.global_id import encode_id
from settings import Settings
from tests import factories as make
from tests.operations.programs import free_port
from tests.web.api_process import ApiProcess, api_process

DELAY_S = 3
"""SHUTDOWN_DELAY_S that deploy/proxies/ asks for."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    subprocess.run([Path(__file__).parent / "install.sh"], check=True)


class ApiPair:
    """Two API processes at fixed addresses."""

    def __init__(self, start: Callable[[ExitStack, int, int], ApiProcess]) -> None:
        self.ports = [free_port(), free_port()]
        self.addresses = [f"127.0.0.1:{port}" for port in self.ports]
        self._start = start
        self._stacks = [ExitStack(), ExitStack()]
        self._processes: dict[int, ApiProcess] = {}

    def start(self, number: int) -> None:
        started = self._start(self._stacks[number], number, self.ports[number])
        self._processes[number] = started

    def stop(self, number: int) -> None:
        """Send SIGTERM, and wait for the end."""
        self._stacks[number].close()

    def kill(self, number: int) -> None:
        """Send SIGKILL: what was under way is lost."""
        os.kill(self._processes[number].pid, signal.SIGKILL)
        self.stop(number)


@pytest.fixture
def pair(settings: Settings, tmp_path: Path) -> Iterator[ApiPair]:
    def start(stack: ExitStack, number: int, port: int) -> ApiProcess:
        folder = tmp_path / f"api-{number}"
        folder.mkdir(exist_ok=True)
        changes = {
            "request_bucket_ip": 10**6,
            "trusted_proxies": ("127.0.0.1",),
            "shutdown_delay_s": DELAY_S,
        }
        return stack.enter_context(api_process(settings, folder, port, **changes))

    both = ApiPair(start)
    for number in (0, 1):
        both.start(number)
    yield both
    for number in (0, 1):
        both.stop(number)


@pytest.fixture
def person(db) -> make.Person:
    return make.create_person(db)


@pytest.fixture
def job(db, person) -> str:
    return encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
