"""`core.cache` of the older service: values in Redis, as JSON. Without Redis nothing is found, and nothing fails."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from redis import Redis, RedisError

from settings import InvalidSettings, load_settings

__all__ = [
    "cache_key", "cached", "delete_cache", "delete_pattern", "get_cache", "get_redis", "redis_client", "set_cache",
]  # fmt: skip

_P = ParamSpec("_P")
_R = TypeVar("_R")

_AWAY = (RedisError, InvalidSettings)
"""What says that there is no Redis; the latter that REDIS_URL is not set."""

_log = logging.getLogger(__name__)


class _LateClient:
    """A client that is made when it is first used."""

    def __getattr__(self, name: str) -> Any:
        client = _client()
        return getattr(client, name)


def get_redis() -> Any:
    """Give the process's client; it connects when it is used."""
    return redis_client


redis_client = _LateClient()
_clients: list[Redis] = []


def _client() -> Redis:
    if not _clients:
        settings = load_settings()
        settings.require("redis_url")
        assert settings.redis_url is not None
        url = settings.redis_url.get_secret_value()
        _clients.append(Redis.from_url(url, decode_responses=True, socket_connect_timeout=1, socket_timeout=1))
    return _clients[0]


def cache_key(prefix: str, *arguments: Any, **named: Any) -> str:
    """Give the key of a value that depends on arguments."""
    parts = [prefix, *map(str, arguments), *(f"{name}={value}" for name, value in sorted(named.items()))]
    return ":".join(parts)


def get_cache(key: str) -> Any:
    """Give the value of a key; None where there is none, no Redis, or something that is no JSON."""
    try:
        found = _client().get(key)
        return None if found is None else json.loads(found)
    except (*_AWAY, ValueError) as error:
        _log.warning("the cache could not be read", extra={"error": type(error).__name__})
        return None


def set_cache(key: str, value: Any, ttl: int = 300) -> bool:
    """Keep a value for `ttl` seconds; False where there is no Redis. Raises TypeError for what is no JSON."""
    text = json.dumps(value, default=str)
    try:
        _client().set(key, text, ex=ttl)
    except _AWAY as error:
        _log.warning("the cache could not be written", extra={"error": type(error).__name__})
        return False
    return True


def delete_cache(key: str) -> bool:
    """Forget a key; False where there is no Redis."""
    try:
        _client().delete(key)
    except _AWAY as error:
        _log.warning("the cache could not be written", extra={"error": type(error).__name__})
        return False
    return True


def delete_pattern(pattern: str) -> int:
    """Forget all keys that match, `athlete:7:*`; returns how many."""
    try:
        return sum(int(_client().delete(key)) for key in _client().scan_iter(pattern))
    except _AWAY as error:
        _log.warning("the cache could not be written", extra={"error": type(error).__name__})
        return 0


def cached(prefix: str, ttl: int = 300) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Keep what a function returns, by its arguments, for `ttl` seconds. None is not kept."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
            key = cache_key(prefix, *arguments, **named)
            if (known := get_cache(key)) is not None:
                return known  # type: ignore[no-any-return]
            value = function(*arguments, **named)
            if value is not None:
                set_cache(key, value, ttl)
            return value

        return call

    return decorate
