"""Redis clients, against a Redis and against an address that never answers."""

import socket
from contextlib import suppress
from time import monotonic

import pytest
from redis import RedisError

from runtime.redis_clients import (
    async_redis_client,
    blocking_redis_client,
    listening_redis_client,
    redis_client,
)
from settings import InvalidSettings, load_settings

CLIENTS = [redis_client, async_redis_client, listening_redis_client, blocking_redis_client]


class Silent:
    """A Redis that takes connections and answers nothing; a client connects for each attempt."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        self.settings = load_settings(None, redis_url=url)

    def attempts(self) -> int:
        self._listener.setblocking(False)
        found = 0
        with suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()
                found += 1
        return found


@pytest.fixture
def silent():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield Silent(listener)


@pytest.mark.parametrize("make", CLIENTS, ids=lambda each: each.__name__)
def test_without_redis_url_there_is_no_client(make):
    with pytest.raises(InvalidSettings, match="REDIS_URL"):
        make(load_settings(None, redis_url=None))


@pytest.mark.parametrize("make", [redis_client, blocking_redis_client])
def test_a_client_answers(make, redis_url):
    with make(load_settings(None, redis_url=redis_url)) as redis:
        assert redis.ping()


@pytest.mark.parametrize("make", CLIENTS, ids=lambda each: each.__name__)
def test_a_connection_reads_nothing_from_disk(make, monkeypatch):
    pool = make(load_settings(None, redis_url="redis://127.0.0.1:1")).connection_pool

    def read(*_: object) -> str:
        raise AssertionError("redis-py looked its version up")

    monkeypatch.setattr("importlib.metadata.version", read)
    pool.make_connection()


@pytest.mark.parametrize("make", [async_redis_client, listening_redis_client])
@pytest.mark.anyio
async def test_an_asynchronous_client_answers(make, redis_url):
    async with make(load_settings(None, redis_url=redis_url)) as redis:
        assert await redis.ping()


def test_answers_are_bytes_or_text_as_asked(redis_url):
    settings = load_settings(None, redis_url=redis_url)
    for decode_responses, answer in ((False, b"hello"), (True, "hello")):
        with redis_client(settings, decode_responses=decode_responses) as redis:
            assert redis.execute_command("ECHO", "hello") == answer


def test_a_client_gives_up_after_its_timeout_and_one_retry(silent):
    began = monotonic()
    with redis_client(silent.settings, timeout_s=0.1) as redis, pytest.raises(RedisError):
        redis.ping()
    assert 0.2 <= monotonic() - began < 10
    assert silent.attempts() == 2


def test_a_client_without_retries_gives_up_after_its_timeout(silent):
    began = monotonic()
    with (
        redis_client(silent.settings, timeout_s=0.1, retries=0) as redis,
        pytest.raises(RedisError),
    ):
        redis.ping()
    assert 0.1 <= monotonic() - began < 10
    assert silent.attempts() == 1


@pytest.mark.anyio
async def test_an_asynchronous_client_gives_up_too(silent):
    began = monotonic()
    async with async_redis_client(silent.settings, timeout_s=0.1) as redis:
        with pytest.raises((RedisError, OSError)):
            await redis.ping()
    assert 0.2 <= monotonic() - began < 10
    assert silent.attempts() == 2
