"""Makes all Redis clients.

None connects before it is used; all raise InvalidSettings without REDIS_URL.
"""

from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry

from settings import Settings

_TIMEOUT_S = 2.0
_DRIVER = DriverInfo()
"""What connections tell Redis of themselves. Else each reads redis-py's version from its files."""
CACHED_ANSWERS = "pacegraph:cache:"
"""How keys of cached answers begin."""
WRITE_PROBE = "pacegraph:write-probe"
"""Key that is set to find out whether Redis takes writes. A full one and a replica answer pings."""


def redis_client(
    settings: Settings,
    *,
    timeout_s: float = _TIMEOUT_S,
    retries: int = 1,
    decode_responses: bool = False,
) -> Redis:
    """Make a client that gives up after `timeout_s` seconds, for connecting and for each answer.

    It retries without a pause (redis-py's own retries pause for seconds): once is enough to not
    notice that Redis was restarted. With `decode_responses` answers are text, not bytes.
    """
    return Redis.from_url(
        _url(settings),
        decode_responses=decode_responses,
        driver_info=_DRIVER,
        **_timeouts(timeout_s),
        retry=Retry(NoBackoff(), retries),
    )


def async_redis_client(settings: Settings, *, timeout_s: float = _TIMEOUT_S) -> AsyncRedis:
    """Make an asynchronous client that gives up as `redis_client` does."""
    return AsyncRedis.from_url(
        _url(settings),
        driver_info=_DRIVER,
        **_timeouts(timeout_s),
        retry=AsyncRetry(NoBackoff(), 1),
    )


def listening_redis_client(settings: Settings) -> AsyncRedis:
    """Make an asynchronous client that may wait for messages; each request sets its own limit."""
    return AsyncRedis.from_url(
        _url(settings), driver_info=_DRIVER, socket_connect_timeout=_TIMEOUT_S
    )


def blocking_redis_client(settings: Settings) -> Redis:
    """Make a client without time limits, for RQ's workers: they wait for jobs in it."""
    return Redis.from_url(_url(settings), driver_info=_DRIVER)


def _timeouts(timeout_s: float) -> dict[str, Any]:
    return {"socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}


def _url(settings: Settings) -> str:
    settings.require("redis_url")
    assert settings.redis_url is not None
    return settings.redis_url.get_secret_value()
