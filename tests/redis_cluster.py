"""A Redis Cluster on ports of this machine: three primaries, each with a replica."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import RedisError
from redis.crc import key_slot

from runtime.redis_cluster import RedisPart
from tests.redis_servers import RedisServer, free_port, until

_SLOTS = 16384
_PRIMARIES = 3
_OPTIONS = (
    *("--save", "", "--cluster-enabled", "yes", "--cluster-node-timeout", "1000"),
    *("--cluster-replica-validity-factor", "0"),
)


class Cluster:
    """Its servers: primaries, then their replicas."""

    def __init__(self, folder: Path) -> None:
        self._servers = [self._server(folder) for _ in range(2 * _PRIMARIES)]
        self.url = "redis+cluster://" + ",".join(
            f"127.0.0.1:{each.port}" for each in self._servers[1:4]
        )
        first, *others = self._servers
        with first.client() as redis:
            for each in others:
                redis.execute_command("CLUSTER MEET", "127.0.0.1", each.port, each.bus_port)
        share = -(-_SLOTS // _PRIMARIES)
        for number, each in enumerate(self._servers[:_PRIMARIES]):
            with each.client() as redis:
                last = min(_SLOTS, (number + 1) * share) - 1
                redis.execute_command("CLUSTER ADDSLOTSRANGE", number * share, last)
        for primary, replica in zip(self._servers, self._servers[_PRIMARIES:], strict=False):
            with primary.client() as redis:
                name = redis.execute_command("CLUSTER MYID")
            until(lambda r=replica, n=name: bool(r.told("CLUSTER REPLICATE", n)))
        until(lambda: all(each.is_well() for each in self._servers))
        until(lambda: all(_is_in_step(each) for each in self._servers[:_PRIMARIES]))

    def _server(self, folder: Path) -> "_ClusterServer":
        bus = free_port()
        return _ClusterServer(folder, *_OPTIONS, "--cluster-port", str(bus), bus_port=bus)

    @property
    def primary(self) -> "_ClusterServer":
        """The server that has the jobs."""
        return self.owner_of(RedisPart.MAIN)

    def owner_of(self, tag: str) -> "_ClusterServer":
        """Ask the servers that run who has the keys with a tag."""
        slot = key_slot(tag.encode())
        return next(owner for first, last, owner in self._ranges() if first <= slot <= last)

    def _ranges(self) -> "list[tuple[int, int, _ClusterServer]]":
        by_port = {each.port: each for each in self._servers}
        for server in self._servers:
            with suppress(RedisError):
                found = server.told("CLUSTER SLOTS")
                return [(first, last, by_port[owner[1]]) for first, last, owner, *_ in found]
        raise AssertionError("no server answers")

    def fail_over(self, tag: str = RedisPart.MAIN) -> "_ClusterServer":
        """Kill the server with a tag's keys, and wait until its replica has them; returns that."""
        killed = self.owner_of(tag)
        killed.kill()
        until(lambda: self.owner_of(tag) is not killed)
        new = self.owner_of(tag)
        until(new.is_well)
        return new

    def hand_over(self, tag: str) -> None:
        """Let a replica take a tag's keys over from its primary, which lives on."""
        old = self.owner_of(tag)
        [new] = [each for each in self._servers if each.primary_port() == old.port]
        new.told("CLUSTER FAILOVER")
        until(lambda: self.owner_of(tag) is new and old.primary_port() == new.port)

    def move(self, tag: str) -> None:
        """Move the slot of a tag's keys, with them, to another server."""
        slot, old = key_slot(tag.encode()), self.owner_of(tag)
        primaries = {owner for _, _, owner in self._ranges()}
        new = next(each for each in primaries if each is not old)
        new.told("CLUSTER SETSLOT", slot, "IMPORTING", old.told("CLUSTER MYID"))
        old.told("CLUSTER SETSLOT", slot, "MIGRATING", new.told("CLUSTER MYID"))
        keys = old.told("CLUSTER GETKEYSINSLOT", slot, 1000)
        old.told("MIGRATE", "127.0.0.1", new.port, "", 0, 5000, "KEYS", *keys)
        for each in (new, *primaries):
            each.told("CLUSTER SETSLOT", slot, "NODE", new.told("CLUSTER MYID"))
        until(lambda: self.owner_of(tag) is new)

    def end(self) -> None:
        for each in self._servers:
            each.kill()


class _ClusterServer(RedisServer):
    def __init__(self, folder: Path, *arguments: str, bus_port: int) -> None:
        self.bus_port = bus_port
        super().__init__(folder, *arguments)

    def told(self, *command: str | bytes):
        with self.client() as redis:
            return redis.execute_command(*command)

    def is_well(self) -> bool:
        """Whether all slots are served, as far as it knows."""
        return self.told("CLUSTER INFO")["cluster_state"] == "ok"

    def primary_port(self) -> int | None:
        """Get the port of its primary; None where it is one, or does not run."""
        try:
            with self.client() as redis:
                return redis.info("replication").get("master_port")
        except RedisError:
            return None


def _is_in_step(primary: RedisServer) -> bool:
    with primary.client() as redis:
        return redis.info("replication")["connected_slaves"] == 1


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.end()
