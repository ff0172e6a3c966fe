"""Connections whose server is looked up each time that they connect: by Sentinels, or in a cluster.

redis-py looks up where a new connection goes. But one that ended, and is used again by a retry,
connects to the address that it had, which is the server that is gone
(`findings/redis-py-retries-at-the-old-primary.sh`). These look up then, too. They end themselves where their
server says that another one has the keys.
"""

from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis.asyncio.sentinel import SentinelManagedConnection as AsyncManagedConnection
from redis.asyncio.sentinel import SentinelManagedSSLConnection as AsyncManagedSSLConnection
from redis.exceptions import ClusterDownError, MasterDownError, MovedError
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

_ELSEWHERE = (MovedError, ClusterDownError, MasterDownError)


class _LookedUp(SentinelManagedConnection):
    def send_packed_command(self, *arguments: Any, **options: Any) -> Any:
        if not self.is_connected:
            self.connect()  # type: ignore[no-untyped-call]
        return super().send_packed_command(*arguments, **options)  # type: ignore[no-untyped-call]

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)
        except _ELSEWHERE as error:
            self.connection_pool.sentinel_manager.move(error)
            self.disconnect()  # type: ignore[no-untyped-call]
            raise RedisConnectionError(str(error)) from error


class _LookedUpByTls(_LookedUp, SentinelManagedSSLConnection):
    pass


class _AsyncLookedUp(AsyncManagedConnection):
    async def send_packed_command(self, *arguments: Any, **options: Any) -> Any:
        if not self.is_connected:
            await self.connect()  # type: ignore[no-untyped-call]
        return await super().send_packed_command(*arguments, **options)

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)
        except _ELSEWHERE as error:
            self.connection_pool.sentinel_manager.move(error)
            await self.disconnect()
            raise RedisConnectionError(str(error)) from error


class _AsyncLookedUpByTls(_AsyncLookedUp, AsyncManagedSSLConnection):
    pass


def connection_class(*, tls: bool) -> type[SentinelManagedConnection]:
    """Get the class of connections of synchronous clients."""
    return _LookedUpByTls if tls else _LookedUp


def async_connection_class(*, tls: bool) -> type[AsyncManagedConnection]:
    """Get the class of connections of asynchronous clients."""
    return _AsyncLookedUpByTls if tls else _AsyncLookedUp
