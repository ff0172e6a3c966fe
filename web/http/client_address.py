"""Finds the client's address, as far as proxies can be trusted.

A connection's own address cannot be forged, but `X-Forwarded-For` can. So that header is read only
if the connection comes from one of TRUSTED_PROXIES. It is read from the right, past trusted
proxies, to the first other address; the client itself wrote what stands left of it. `Forwarded`
(RFC 7239) is not read, because a proxy that sets only one of the two headers would let clients
write the other.
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
    """Gets addresses of clients. Of IPv6 the /64 counts (`2001:db8:1:2::/64`): it has one user."""

    def __init__(self, trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._trusted = tuple(trusted_proxies)

    def of(self, scope: Scope) -> str:
        """Get the address that a request counts for; empty, and shared, on a Unix socket."""
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if self._trusted and (nearest := _parsed(peer)) is not None and self._is_trusted(nearest):
            return _counted(self._behind(nearest, scope))
        return _counted_peer(peer) if ":" in peer else peer

    def of_peer(self, peer: str) -> str | None:
        """Get the address that a connection from `peer` counts for; None for a trusted proxy."""
        if self._trusted and self._is_proxy(peer):
            return None
        return _counted_peer(peer) if ":" in peer else peer

    def scheme_of(self, scope: Scope) -> str:
        """Get the client's scheme; a trusted proxy may set it by `X-Forwarded-Proto`."""
        client, scheme = scope.get("client"), str(scope["scheme"])
        if not self._trusted or not client or not self._is_proxy(client[0]):
            return scheme
        told = _values(scope, _FORWARDED_PROTO).rpartition(",")[2].strip().lower()
        return _SECURE.get(scheme, scheme) if told in _SECURE.values() else scheme

    def _behind(self, nearest: _Address, scope: Scope) -> _Address:
        """Walk from the proxy `nearest` towards the client, while proxies are trusted."""
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
    """Join the values of a header that is sent several times: one list, by RFC 9110."""
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
    """Read an address, perhaps with a port; None for anything else."""
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
