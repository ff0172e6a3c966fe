"""REDIS_URL where it names several servers: Sentinels, or some of a cluster.

    redis+sentinel://[user:password@]host[:26379][,host…]/service[/database][?sentinel_password=…]
    redis+cluster://[user:password@]host[:6379][,host…]

`rediss+…` is the same over TLS. Names are written as in the URLs of the library `limits`.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_SENTINEL_PORT, _CLUSTER_PORT = 26379, 6379
_SENTINEL_NAMES = {"sentinel_username": "username", "sentinel_password": "password"}


@dataclass(frozen=True, slots=True)
class RedisServers:
    """Sentinels of `service`, or servers of a cluster, where `service` is None.

    `options` are redis-py's arguments for connections to Redis, `sentinel_options` to Sentinels.
    """

    nodes: tuple[tuple[str, int], ...]
    service: str | None
    options: dict[str, Any]
    sentinel_options: dict[str, Any]

    @classmethod
    def from_url(cls, url: str) -> "RedisServers | None":
        """Read a URL; None for one of a single server. Raises ValueError, without the URL."""
        scheme, plus, kind = url.partition("://")[0].partition("+")
        if not plus:
            return None
        parts = urlsplit(url)
        user, _, hosts = parts.netloc.rpartition("@")
        port = _CLUSTER_PORT if kind == "cluster" else _SENTINEL_PORT
        nodes = tuple(_node(each, port) for each in hosts.split(","))
        name, _, password = user.partition(":")
        given = {"username": unquote(name), "password": unquote(password)}
        options: dict[str, Any] = {key: value for key, value in given.items() if value}
        if scheme == "rediss":
            options["ssl"] = True
        path = [unquote(each) for each in parts.path.split("/") if each]
        query = dict(parse_qsl(parts.query))
        if kind == "cluster":
            if query or path not in ([], ["0"]):
                raise ValueError(
                    "must end after the hosts, as redis+cluster://host:6379,other:6379: a cluster "
                    "has one database and no parameters"
                )
            return cls(nodes, None, options, {})
        if unknown := query.keys() - _SENTINEL_NAMES.keys():
            raise ValueError(f"has a parameter that is not known: {min(unknown)}")
        if not path:
            raise ValueError(
                "must name the service of the Sentinels, as redis+sentinel://host:26379/mymaster"
            )
        database = path[1] if len(path) > 1 else "0"
        if not database.isdecimal() or len(path) > 2:  # noqa: PLR2004 - service, database
            raise ValueError("must end with /service or /service/database, which is a number")
        sentinel = {_SENTINEL_NAMES[key]: value for key, value in query.items()}
        return cls(nodes, path[0], options | {"db": int(database)}, sentinel)


def _node(text: str, default: int) -> tuple[str, int]:
    host, colon, given = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, given = text, str(default)
    if not host or not given.isdecimal():
        raise ValueError(f"must have hosts with ports, as host:{default},other:{default}")
    return host.strip("[]"), int(given)
