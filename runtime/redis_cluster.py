"""Clients of a Redis Cluster: each goes to the server that has the keys of one part.

A part's keys begin with one hash tag, so that they share a slot: scripts and transactions of many
keys work, and RQ, whose jobs need them, too. Each connection is made to the server that has the
slot at that moment, which any server of the cluster tells. It is redis-py's pool for Sentinels, with
the cluster in the place of the Sentinels.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.crc import key_slot
from redis.exceptions import MovedError
from redis.sentinel import SentinelConnectionPool

from runtime.redis_connections import async_connection_class, connection_class

Address = tuple[str, int]
_SLOTS = "CLUSTER SLOTS"
_TLS = "ssl"


class RedisPart(StrEnum):
    """A part of what is in Redis, by the hash tag of its keys in a cluster.

    The tags are those that three equal servers share evenly.
    """

    MAIN = "{pacegraph}"
    """Queue and news of jobs, flags, persisted queries, Strava's quota."""
    LIMITS = "{pacegraph:limits}"
    ANSWERS = "{pacegraph:cache}"
    WRITES = "{pacegraph:written}"


def tagged(redis: Redis | AsyncRedis, name: str) -> str:
    """Get the key with a name. In a cluster it begins with the hash tag of the client's part."""
    pool = redis.connection_pool
    return pool.tag + name if isinstance(pool, SlotPool | AsyncSlotPool) else name


class _Slots:
    """Which server has which slot, as the servers of a cluster tell."""

    def __init__(self, nodes: tuple[Address, ...]) -> None:
        """Begin with `nodes`."""
        self._first = nodes
        self._known = list(nodes)
        self._moved_to: Address | None = None

    def move(self, error: Exception) -> None:
        """Take an error of a server that has the slot no more. `MOVED` names the one that has it."""
        if isinstance(error, MovedError) and error.host:
            self._moved_to = (error.host, error.port)

    def _named(self) -> Address | None:
        """Get who was named by the last error, once: that may be wrong by now."""
        named, self._moved_to = self._moved_to, None
        return named

    def _asked(self) -> list[Address]:
        """Get whom to ask, each time beginning with another one: one that is cut off is wrong."""
        self._known.append(self._known.pop(0))
        return list(self._known)

    def _owner_in(self, answer: Any, asked: Address, tag: str) -> Address | None:
        """Find the server with a tag's keys in an answer of `asked`; None where none has them."""
        slot, found, told = key_slot(tag.encode()), None, []
        for first, last, primary, *replicas in answer:
            told += [_address(each, asked) for each in (primary, *replicas)]
            if first <= slot <= last:
                found = _address(primary, asked)
        self._known = list(dict.fromkeys((*told, *self._first)))
        return found


def _address(told: Any, asked: Address) -> Address:
    """Read an address; the host is that of the server `asked` where it does not know its own."""
    host = told[0].decode() if told[0] else asked[0]
    return host, int(told[1])


def _nobody(tag: str, error: Exception | None) -> RedisConnectionError:
    return RedisConnectionError(f"no server of the cluster is known to have {tag}: {error}")


class _SlotOwners(_Slots):
    """In the place of redis-py's Sentinel. `make` makes a client of one server."""

    def __init__(self, nodes: tuple[Address, ...], make: Callable[[Address], Redis]) -> None:
        super().__init__(nodes)
        self._make = make

    def discover_master(self, tag: str) -> Address:
        """Ask who has a tag's keys. Raises RedisError."""
        if (named := self._named()) is not None:
            return named
        last: Exception | None = None
        for node in self._asked():
            try:
                with self._make(node) as asked:
                    answer = asked.execute_command(_SLOTS)
                if (found := self._owner_in(answer, node, tag)) is not None:
                    return found
            except RedisError as error:
                last = error
        raise _nobody(tag, last)


class _AsyncSlotOwners(_Slots):
    def __init__(self, nodes: tuple[Address, ...], make: Callable[[Address], AsyncRedis]) -> None:
        super().__init__(nodes)
        self._make = make

    async def discover_master(self, tag: str) -> Address:
        if (named := self._named()) is not None:
            return named
        last: Exception | None = None
        for node in self._asked():
            try:
                async with self._make(node) as asked:
                    answer = await asked.execute_command(_SLOTS)  # type: ignore[no-untyped-call]
                if (found := self._owner_in(answer, node, tag)) is not None:
                    return found
            except RedisError as error:
                last = error
        raise _nobody(tag, last)


class SlotPool(SentinelConnectionPool):
    """Connections to the server that has the keys with `tag`."""

    def __init__(
        self,
        tag: str,
        nodes: tuple[Address, ...],
        make: Callable[[Address], Redis],
        **arguments: Any,
    ) -> None:
        """Ask `nodes` by clients that `make` makes; connect with redis-py's `arguments`."""
        self.tag = tag
        kind = connection_class(tls=_TLS in arguments)
        super().__init__(  # type: ignore[no-untyped-call]
            tag, _SlotOwners(nodes, make), connection_class=kind, **arguments
        )


class AsyncSlotPool(AsyncSentinelPool):
    """The same for asynchronous clients."""

    def __init__(
        self,
        tag: str,
        nodes: tuple[Address, ...],
        make: Callable[[Address], AsyncRedis],
        **arguments: Any,
    ) -> None:
        self.tag = tag
        kind = async_connection_class(tls=_TLS in arguments)
        super().__init__(  # type: ignore[no-untyped-call]
            tag, _AsyncSlotOwners(nodes, make), connection_class=kind, **arguments
        )
