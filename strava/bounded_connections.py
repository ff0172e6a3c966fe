"""Connections of urllib3 that read in slices of a fraction of a second.

Each slice looks whether the exchange may go on (`strava/bounded_exchange.py`). urllib3 makes the
sockets, through proxies of the environment too, and these are wrapped here.
"""

import socket
import ssl
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url

from settings import named_certificates
from strava.bounded_exchange import ExchangeTooSlow, remaining_s

_SLICE_S = 0.25
_CONNECT_S = 5.0
"""Seconds for TCP, and as many for TLS."""
_KEPT_S = 4.0
"""Seconds for which an idle connection is used again. Many servers end one after 5."""
_MOST_KEPT = 10

Result = TypeVar("Result")


def connections_to(base: str, *, trust_env: bool) -> tuple[urllib3.HTTPConnectionPool, str]:
    """Make what keeps connections to the host of `base`, an address.

    Also returns what stands before paths in its requests. With `trust_env`, they go through the proxy
    and by the certificates that the environment names.
    """
    context = _certificates(trust_env=trust_env)
    arguments: dict[str, Any] = {"maxsize": _MOST_KEPT, "ssl_context": context}
    proxy, url = _proxy_to(base) if trust_env else None, parse_url(base)
    if proxy is None:
        manager = urllib3.PoolManager(**arguments)
    else:
        # without a context of its own, TLS with a proxy around a tunnel is read in one slice
        of_proxy: dict[str, Any] = {
            "proxy_headers": _credentials_in(proxy),
            "proxy_ssl_context": context,
        }
        manager = urllib3.ProxyManager(proxy, **of_proxy, **arguments)
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    is_forwarded = proxy is not None and url.scheme == "http"
    return manager.connection_from_url(base), base if is_forwarded else url.path or ""


def timeouts(total_s: float) -> urllib3.Timeout:
    """Make urllib3's timeouts of an exchange that may take `total_s` seconds."""
    return urllib3.Timeout(connect=min(total_s, _CONNECT_S), read=_SLICE_S)


@cache
def _certificates(*, trust_env: bool) -> ssl.SSLContext:
    """Read the certificates once: it takes some 15 ms."""
    file, folder = named_certificates() if trust_env else (None, None)
    if file is None and folder is None:
        file = certifi.where()
    context = ssl.create_default_context(cafile=file, capath=folder)
    context.sslsocket_class = _SlicedTlsSocket
    return context


def _proxy_to(base: str) -> str | None:
    """Find the proxy that the environment names for an address."""
    url, proxies = parse_url(base), getproxies()
    address = proxies.get(url.scheme or "") or proxies.get("all")
    if not address or proxy_bypass(url.netloc or ""):
        return None
    return address if "://" in address else f"http://{address}"


def _credentials_in(proxy: str) -> dict[str, str]:
    """Make the header for a proxy whose address has a name and a password."""
    auth = parse_url(proxy).auth
    return dict(make_headers(proxy_basic_auth=unquote(auth))) if auth else {}


class _Sliced:
    """Reads and writes as the socket beside it, within the thread's limits."""

    used_at = 0.0
    """When something was read last."""

    def recv(self, *arguments: Any) -> bytes:
        read: Callable[..., bytes] = super().recv  # type: ignore[misc]
        return self._in_slices(read, *arguments)

    def recv_into(self, *arguments: Any) -> int:
        read: Callable[..., int] = super().recv_into  # type: ignore[misc]
        return self._in_slices(read, *arguments)

    def sendall(self, *arguments: Any) -> None:
        self._in_one(super().sendall, *arguments)  # type: ignore[misc]

    def _in_slices(self, read: Callable[..., Result], *arguments: Any) -> Result:
        while True:
            self._wait_at_most(min(_SLICE_S, remaining_s(is_reading=True)))
            try:
                found = read(*arguments)
            except TimeoutError:
                continue
            self.used_at = time.monotonic()
            return found

    def _in_one(self, work: Callable[..., None], *arguments: Any) -> None:
        self._wait_at_most(remaining_s(is_reading=False))
        try:
            work(*arguments)
        except TimeoutError:
            raise ExchangeTooSlow(is_reading=False) from None

    def _wait_at_most(self, seconds: float) -> None:
        as_socket = cast("socket.socket", self)
        if as_socket.gettimeout() != seconds:  # to set it is a call of the system
            as_socket.settimeout(seconds)


class _SlicedSocket(_Sliced, socket.socket):
    """A socket of TCP."""


class _SlicedTlsSocket(_Sliced, ssl.SSLSocket):
    """A socket of TLS. `ssl` makes it of another socket, and then shakes hands."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's signature
        self._wait_at_most(min(_CONNECT_S, remaining_s(is_reading=False)))
        super().do_handshake(block)


class _Kept:
    """What both kinds of connections have in common."""

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        timeout_s = made.gettimeout()
        sliced = _SlicedSocket(made.family, made.type, made.proto, fileno=made.detach())
        sliced.settimeout(timeout_s)
        return sliced

    @property
    def is_connected(self) -> bool:
        """Whether the connection can be used again."""
        made = cast("HTTPConnection", self).sock
        outer = getattr(made, "socket", made)  # of TLS within TLS
        is_old = time.monotonic() - getattr(outer, "used_at", 0.0) > _KEPT_S
        return not is_old and bool(super().is_connected)  # type: ignore[misc]


class _PlainConnection(_Kept, HTTPConnection):
    """A connection without TLS."""


class _SecureConnection(_Kept, HTTPSConnection):
    """A connection with TLS."""


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
