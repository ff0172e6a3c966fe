"""Makes all Redis clients.

None connects before it is used; all raise InvalidSettings without REDIS_URL. Each is for one part of
what is in Redis, which decides where it connects in a cluster; keys are named by `tagged`.
"""

from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry
from redis.sentinel import Sentinel

from runtime.dark_hosts import SOCKET_OPTIONS
from runtime.redis_cluster import Address, AsyncSlotPool, RedisPart, SlotPool
from runtime.redis_connections import async_connection_class, connection_class
from settings import RedisServers, Settings

_TIMEOUT_S = 2.0
_POSITIONS_TIMEOUT_S = _ASKING_TIMEOUT_S = 0.5
_DRIVER = DriverInfo()
"""What connections tell Redis of themselves. Else each reads redis-py's version from its files."""
_OF_HOSTS: dict[str, Any] = {"driver_info": _DRIVER, "socket_keepalive_options": SOCKET_OPTIONS}
CACHED_ANSWERS = "pacegraph:cache:"
"""How keys of cached answers begin."""
WRITE_PROBE = "pacegraph:write-probe"
"""Key that is set to find out whether Redis takes writes. A full one and a replica answer pings."""


def redis_client(
    settings: Settings,
    part: RedisPart = RedisPart.MAIN,
    *,
    timeout_s: float = _TIMEOUT_S,
    retries: int = 1,
    decode_responses: bool = False,
) -> Redis:
    """Make a client that gives up after `timeout_s` seconds, for connecting and for each answer.

    It retries without a pause (redis-py's own retries pause for seconds): once is enough to not
    notice that Redis was restarted. With `decode_responses` answers are text, not bytes.
    """
    return _client(
        settings,
        part,
        decode_responses=decode_responses,
        **_timeouts(timeout_s),
        retry=Retry(NoBackoff(), retries),
    )


def async_redis_client(
    settings: Settings, part: RedisPart = RedisPart.MAIN, *, timeout_s: float = _TIMEOUT_S
) -> AsyncRedis:
    """Make an asynchronous client that gives up as `redis_client` does."""
    return _async_client(settings, part, **_timeouts(timeout_s), retry=AsyncRetry(NoBackoff(), 1))


def listening_redis_client(settings: Settings, part: RedisPart = RedisPart.MAIN) -> AsyncRedis:
    """Make an asynchronous client that may wait for messages; each request sets its own limit."""
    return _async_client(settings, part, socket_connect_timeout=_TIMEOUT_S)


def positions_redis_client(settings: Settings) -> AsyncRedis:
    """Make an asynchronous client of one connection that tries nothing twice.

    So whoever uses it notices that Redis was restarted.
    """
    return _async_client(
        settings,
        RedisPart.WRITES,
        single_connection_client=True,
        **_timeouts(_POSITIONS_TIMEOUT_S),
        retry=AsyncRetry(NoBackoff(), 0),
    )


def blocking_redis_client(settings: Settings) -> Redis:
    """Make a client without time limits, for RQ's workers: they wait for jobs in it."""
    return _client(settings, RedisPart.MAIN)


def is_cluster(settings: Settings) -> bool:
    """Whether REDIS_URL names a cluster."""
    servers = RedisServers.from_url(_url(settings))
    return servers is not None and servers.service is None


def _client(settings: Settings, part: RedisPart, **arguments: Any) -> Redis:
    url = _url(settings)
    servers = RedisServers.from_url(url)
    if servers is None:
        return Redis.from_url(url, **_any_kind(url), **arguments)
    if servers.service is None:
        asking = _of_cluster(servers) | {"retry": Retry(NoBackoff(), 0)}
        options = _OF_HOSTS | servers.options | arguments

        def asked(node: Address) -> Redis:
            return Redis(*node, **asking)

        return Redis.from_pool(SlotPool(part, servers.nodes, asked, **options))
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        servers.nodes,
        sentinel_kwargs=_of_sentinels(servers) | {"retry": Retry(NoBackoff(), 0)},
        **(_OF_HOSTS | servers.options | arguments),
    )
    found: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        servers.service, connection_class=connection_class(tls="ssl" in servers.options)
    )
    return found


def _async_client(settings: Settings, part: RedisPart, **arguments: Any) -> AsyncRedis:
    url = _url(settings)
    servers = RedisServers.from_url(url)
    if servers is None:
        return AsyncRedis.from_url(url, **_any_kind(url), **arguments)
    is_single = arguments.pop("single_connection_client", False)
    options = _OF_HOSTS | servers.options | arguments
    no_retry = {"retry": AsyncRetry(NoBackoff(), 0)}
    if servers.service is None:
        asking = _of_cluster(servers) | no_retry

        def asked(node: Address) -> AsyncRedis:
            return AsyncRedis(host=node[0], port=node[1], **asking)

        found = AsyncRedis.from_pool(AsyncSlotPool(part, servers.nodes, asked, **options))
    else:
        sentinel = AsyncSentinel(  # type: ignore[no-untyped-call]
            servers.nodes, sentinel_kwargs=_of_sentinels(servers) | no_retry, **options
        )
        found = sentinel.master_for(
            servers.service,
            connection_pool_class=_ClosingSentinelPool,
            connection_class=async_connection_class(tls="ssl" in servers.options),
        )
    if is_single:
        found = found.client()
        found.auto_close_connection_pool = True
    return found


class _ClosingSentinelPool(SentinelConnectionPool):
    """Closes the connections to Sentinels with its own, which redis-py leaves open."""

    async def aclose(self) -> None:
        await super().aclose()
        for each in self.sentinel_manager.sentinels:
            await each.aclose()


def _any_kind(url: str) -> dict[str, Any]:
    """Make the arguments of a connection to one server, which may be on this machine alone."""
    return {"driver_info": _DRIVER} if url.startswith("unix") else _OF_HOSTS


def _of_sentinels(servers: RedisServers) -> dict[str, Any]:
    tls = {"ssl": True} if "ssl" in servers.options else {}
    return _asking() | tls | servers.sentinel_options


def _of_cluster(servers: RedisServers) -> dict[str, Any]:
    return _asking() | servers.options


def _asking() -> dict[str, Any]:
    return {"driver_info": _DRIVER, **_timeouts(_ASKING_TIMEOUT_S)}


def _timeouts(timeout_s: float) -> dict[str, Any]:
    return {"socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}


def _url(settings: Settings) -> str:
    settings.require("redis_url")
    assert settings.redis_url is not None
    return settings.redis_url.get_secret_value()
