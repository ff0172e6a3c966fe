"""Bounds each exchange with Strava as a whole: its time, its bytes, and a check that may end it.

httpx's timeouts are of single reads, so an answer that drips has no end, and its decoders unfold a
chunk of a few bytes to any size. Limits are of the calling thread, as httpx's synchronous client
reads in it.
"""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

ACCEPTED_ENCODINGS = "gzip, deflate"
"""The encodings that `read_whole` unfolds piece by piece."""
_FRAMING = {b"content-encoding", b"content-length", b"transfer-encoding"}
_SLICE_S = 0.25
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class AnswerTooLarge(Exception):
    """A body has more bytes than allowed, after decompression."""


class AnswerBroken(Exception):
    """A body breaks off in the middle, or its encoding cannot be read."""


@dataclass(frozen=True, slots=True)
class _ExchangeLimits:
    ends_at: float
    check: Callable[[], None]


_limits: ContextVar[_ExchangeLimits | None] = ContextVar("limits", default=None)
_check: ContextVar[Callable[[], None]] = ContextVar("check", default=lambda: None)


@contextmanager
def interrupted_by(check: Callable[[], None]) -> Iterator[None]:
    """Call `check` a few times a second during this thread's exchanges; it may raise to end them."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


@contextmanager
def bounded(total_s: float) -> Iterator[None]:
    """End what this thread exchanges when `total_s` seconds have passed.

    The connections are those of a client that went through `bound_connections`.
    """
    token = _limits.set(_ExchangeLimits(time.monotonic() + total_s, _check.get()))
    try:
        yield
    finally:
        _limits.reset(token)


def bound_connections(client: httpx.Client) -> None:
    """Let `bounded` hold for the connections of `client`, those through proxies included."""
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - see below
        # httpx passes no network backend on to httpcore. A test drips headers to notice a change.
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _SlicingBackend(pool._network_backend)  # noqa: SLF001


def read_whole(response: httpx.Response, max_bytes: int) -> httpx.Response:
    """Read a streamed response into one with a plain body.

    Raises AnswerTooLarge, AnswerBroken where the status tells of success, and what httpx raises.
    """
    try:
        body = _read_body(response, max_bytes)
    except AnswerBroken:
        if response.is_success:
            raise
        body = b""  # the status says what is wrong
    headers = [
        (name, value) for name, value in response.headers.raw if name.lower() not in _FRAMING
    ]
    return httpx.Response(
        response.status_code, headers=headers, content=body, request=response.request
    )


def _read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read and decompress a body, piece by piece."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if response.is_stream_consumed:  # a transport of tests gave it whole
        return _joined([response.content], max_bytes)
    if encoding in {"", "identity"}:
        return _joined(response.iter_raw(), max_bytes)
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _joined(_unfolded(response.iter_raw(), max_bytes), max_bytes)
    raise AnswerBroken(f"has an encoding that was not asked for: {encoding[:50]}")


def _joined(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise AnswerTooLarge
    return bytes(body)


def _unfolded(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    for chunk in chunks:
        try:
            yield decoder.decompress(chunk, max_bytes + 1)
        except zlib.error:
            raise AnswerBroken("is compressed, and broken") from None
        if decoder.unconsumed_tail:
            raise AnswerTooLarge
    if not decoder.eof:
        raise AnswerBroken("breaks off in the middle")


class _SlicingBackend(httpcore.NetworkBackend):
    """Connects as `backend` does, within the limits of the thread."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *rest: Any, **options: Any
    ) -> httpcore.NetworkStream:
        remaining_s = _remaining_s(timeout, httpcore.ConnectTimeout)
        return _SlicedStream(self._backend.connect_tcp(host, port, remaining_s, *rest, **options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _SlicedStream(httpcore.NetworkStream):
    """Reads as `stream` does, in slices of a fraction of a second, within the thread's limits."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        silent_at = None if timeout is None else time.monotonic() + timeout
        while True:
            left_s = None if silent_at is None else silent_at - time.monotonic()
            slice_s = min(_SLICE_S, _remaining_s(left_s, httpcore.ReadTimeout))
            try:
                return self._stream.read(max_bytes, slice_s)
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        remaining_s = _remaining_s(timeout, httpcore.ConnectTimeout)
        return _SlicedStream(self._stream.start_tls(ssl_context, server_hostname, remaining_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining_s(timeout: float | None, passed: type[httpcore.TimeoutException]) -> float:
    """Seconds that an operation may take. Raises `passed` if none are left, and as checks."""
    limits = _limits.get()
    left = [] if timeout is None else [timeout]
    if limits is not None:
        limits.check()
        left.append(limits.ends_at - time.monotonic())
    remaining_s = min(left, default=float("inf"))
    if remaining_s <= 0:
        raise passed
    return remaining_s
