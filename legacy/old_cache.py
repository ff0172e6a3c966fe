"""`core.cache` of the older service: JSON values in Redis. Without Redis, every read misses."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from redis import Redis, RedisError

from runtime.redis_clients import redis_client as redis_client_of
from runtime.redis_cluster import tagged
from settings import InvalidSettings, load_settings

_P = ParamSpec("_P")
_R = TypeVar("_R")

_AWAY = (RedisError, InvalidSettings)
"""Errors that mean that there is no Redis; InvalidSettings if REDIS_URL is not set."""

logger = logging.getLogger(__name__)


class _LateClient:
    """A Redis client that is created at first use."""

    def __getattr__(self, name: str) -> Any:
        client = _client()
        return getattr(client, name)


def get_redis() -> Any:
    """Get the process's client, which connects at first use."""
    return redis_client


redis_client = _LateClient()
_clients: list[Redis] = []


def _client() -> Redis:
    if not _clients:
        _clients.append(redis_client_of(load_settings(), timeout_s=1, decode_responses=True))
    return _clients[0]


def _named(key: str) -> str:
    return tagged(_client(), key)


def cache_key(prefix: str, *arguments: Any, **named: Any) -> str:
    """Build the key of a value that depends on arguments."""
    parts = [
        prefix,
        *map(str, arguments),
        *(f"{name}={value}" for name, value in sorted(named.items())),
    ]
    return ":".join(parts)


def get_cache(key: str) -> Any:
    """Read a key's value; None if it is missing or not JSON, or without Redis."""
    try:
        found = _client().get(_named(key))
        return None if found is None else json.loads(found)
    except (*_AWAY, ValueError) as error:
        logger.warning("the cache could not be read", extra={"error": type(error).__name__})
        return None


def set_cache(key: str, value: Any, ttl: int = 300) -> bool:
    """Store a value for `ttl` seconds; False without Redis. Raises TypeError if not JSON."""
    text = json.dumps(value, default=str)
    try:
        _client().set(_named(key), text, ex=ttl)
    except _AWAY as error:
        logger.warning("the cache could not be written", extra={"error": type(error).__name__})
        return False
    return True


def delete_cache(key: str) -> bool:
    """Delete a key. Returns False without Redis."""
    try:
        _client().delete(_named(key))
    except _AWAY as error:
        logger.warning("the cache could not be written", extra={"error": type(error).__name__})
        return False
    return True


def delete_pattern(pattern: str) -> int:
    """Delete all keys that match a pattern like `athlete:7:*`. Returns how many."""
    try:
        return sum(int(_client().delete(key)) for key in _client().scan_iter(_named(pattern)))
    except _AWAY as error:
        logger.warning("the cache could not be written", extra={"error": type(error).__name__})
        return 0


def cached(prefix: str, ttl: int = 300) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Cache a function's results by its arguments for `ttl` seconds, except None."""

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
