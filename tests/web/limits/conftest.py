"""Limits over a Redis that tests may stop, pause and break: not the one that all tests share."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from flags.flags import Flags
from local.embedded_service import Service
from local.redis import start_redis
from settings import load_settings
from tests.conftest import SECRETS
from tests.patience import PATIENCE_S
from web.limits.limits import Limits

STEADY = {
    "cost_refill_user_per_s": 1e-6,
    "cost_refill_ip_per_s": 1e-6,
    "request_refill_ip_per_s": 1e-6,
}
"""Buckets that do not fill while a test runs."""


class OwnRedis:
    """A Redis of this module's own. `start` it again after `kill`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._service = start_redis(home)
        self.url = self._service.url

    @property
    def service(self) -> Service:
        return self._service

    def client(self) -> Redis:
        return Redis.from_url(self.url, decode_responses=True)

    def command(self, *arguments: str) -> object:
        with self.client() as client:
            return client.execute_command(*arguments)

    def kill(self) -> None:
        self._service.process.kill()
        self._service.process.wait()

    def start(self) -> None:
        self._service = start_redis(self._home)

    @contextmanager
    def paused(self) -> Iterator[None]:
        os.kill(self._service.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._service.process.pid, signal.SIGCONT)


@pytest.fixture
def redis(tmp_path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.service.stop()


@pytest.fixture
async def limits(redis) -> AsyncIterator[Callable[..., Limits]]:
    """Makes the limits of one process, with changed settings."""
    async with AsyncExitStack() as stack:

        def make(**changes) -> Limits:
            changes.setdefault("redis_url", redis.url)
            settings = load_settings(None, **SECRETS, **changes)
            made = Limits.from_settings(settings, Flags(settings))
            stack.push_async_callback(made.close)
            return made

        yield make


async def until(is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - of what is asked nothing tells
            await asyncio.sleep(0.01)
