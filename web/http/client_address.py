"""Where a request comes from: the address of the client, as far as those who name it can be believed.

A connection's own address cannot be forged. What `X-Forwarded-For` says can, so it is read only where the connection
comes from one of TRUSTED_PROXIES, from the right, over the proxies among its entries to the first that is none: what
stands left of it was written by the client itself. `Forwarded` (RFC 7239) is not read: a proxy that sets only the one
header would let clients write the other.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

_Address = IPv4Address | IPv6Address

_MOST_HOPS = 32
_LONGEST_ENTRY = 64
_IPV6_HOST_BITS = 64
_FORWARDED_FOR = b"x-forwarded-for"
_FORWARDED_PROTO = b"x-forwarded-proto"
_SECURE = {"http": "https", "ws": "wss"}


class ClientAddresses:
    """Tells clients apart. Of IPv6 the /64 counts, for a client may take any address of it: `2001:db8:1:2::/64`."""

    def __init__(self, trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._trusted = tuple(trusted_proxies)

    def of(self, scope: Scope) -> str:
        """Get the address that a request counts for; empty, and shared, for a client without one (a Unix socket)."""
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if self._trusted and (nearest := _parsed(peer)) is not None and self._is_trusted(nearest):
            return _counted(self._behind(nearest, scope))
        return _counted_peer(peer) if ":" in peer else peer

    def scheme_of(self, scope: Scope) -> str:
        """Get the scheme the client used, which a trusted proxy may tell by `X-Forwarded-Proto`."""
        client, scheme = scope.get("client"), str(scope["scheme"])
        if not self._trusted or not client or not self._is_proxy(client[0]):
            return scheme
        told = _values(scope, _FORWARDED_PROTO).rpartition(",")[2].strip().lower()
        return _SECURE.get(scheme, scheme) if told in _SECURE.values() else scheme

    def _behind(self, nearest: _Address, scope: Scope) -> _Address:
        """Walk away from the proxy `nearest`, as far as each is told by one that is trusted."""
        hops = _values(scope, _FORWARDED_FOR).rsplit(",", _MOST_HOPS)
        for hop in reversed(hops[-_MOST_HOPS:]):
            told = _parsed(hop)
            if told is None:
                break
            nearest = told
            if not self._is_trusted(nearest):
                break
        return nearest

    def _is_proxy(self, peer: str) -> bool:
        address = _parsed(peer)
        return address is not None and self._is_trusted(address)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _values(scope: Scope, name: bytes) -> str:
    """Join the values of a header that may be there several times: one list, by RFC 9110."""
    return ",".join([value.decode("latin-1") for each, value in scope["headers"] if each == name])


def _counted(address: _Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), _IPV6_HOST_BITS), strict=False))


@lru_cache(maxsize=4096)
def _counted_peer(peer: str) -> str:
    address = _parsed(peer)
    return _counted(address) if address is not None else ""


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Address | None:
    """Read an address, with a port as some proxies write it; None for anything else."""
    text = text.strip(" \t")
    if len(text) > _LONGEST_ENTRY:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
