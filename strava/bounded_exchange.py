"""Bounds each exchange with Strava as a whole: its time, its bytes, and a check that may end it.

urllib3's timeouts are of single reads, so an answer that drips has no end, and its decoders unfold a
chunk of a few bytes to any size. Limits are of the calling thread, as urllib3 reads in it, on the
connections of `strava/bounded_connections.py`.
"""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from urllib3 import BaseHTTPResponse

ACCEPTED_ENCODINGS = "gzip, deflate"
"""The encodings that `read_body` unfolds piece by piece."""
_PIECE_BYTES = 65_536
_LOOK_EVERY_S = 0.1
"""An answer comes in pieces, of which each would else be looked at."""
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class AnswerTooLarge(Exception):
    """A body has more bytes than allowed, after decompression."""


class AnswerBroken(Exception):
    """A body breaks off in the middle, or its encoding cannot be read."""


class ExchangeTooSlow(Exception):
    """What may take some time as a whole has taken it, in reading if `is_reading`."""

    def __init__(self, *, is_reading: bool) -> None:
        super().__init__()
        self.is_reading = is_reading


@dataclass(slots=True)
class _ExchangeLimits:
    """`check` is called at `looks_at` or later; both are times of `time.monotonic`."""

    ends_at: float
    check: Callable[[], None]
    looks_at: float


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
    """End what this thread exchanges when `total_s` seconds have passed."""
    now = time.monotonic()
    token = _limits.set(_ExchangeLimits(now + total_s, _check.get(), now + _LOOK_EVERY_S))
    try:
        yield
    finally:
        _limits.reset(token)


def remaining_s(*, is_reading: bool) -> float:
    """Get the seconds that the exchange may go on.

    Raises ExchangeTooSlow if none are left, and as checks.
    """
    limits = _limits.get()
    assert limits is not None, "outside of an exchange"
    now = time.monotonic()
    if now >= limits.looks_at:
        limits.check()
        now = time.monotonic()
        limits.looks_at = now + _LOOK_EVERY_S
    left_s = limits.ends_at - now
    if left_s <= 0:
        raise ExchangeTooSlow(is_reading=is_reading)
    return left_s


def read_body(response: BaseHTTPResponse, max_bytes: int) -> bytes:
    """Read and decompress the body of an answer of which the head was read.

    Raises AnswerTooLarge, AnswerBroken, ExchangeTooSlow, as checks, and what urllib3 raises.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        length = response.length_remaining
        return (
            _joined(_pieces(response), max_bytes) if length is None else _read(response, max_bytes)
        )
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _joined(_unfolded(_pieces(response), max_bytes), max_bytes)
    raise AnswerBroken(f"has an encoding that was not asked for: {encoding[:50]}")


def _read(response: BaseHTTPResponse, max_bytes: int) -> bytes:
    """Read a body of a length that is known, without a copy of its pieces."""
    if (response.length_remaining or 0) > max_bytes:
        raise AnswerTooLarge
    return response.read(decode_content=False)


def _pieces(response: BaseHTTPResponse) -> Iterator[bytes]:
    while piece := response.read(_PIECE_BYTES, decode_content=False):
        yield piece


def _joined(pieces: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise AnswerTooLarge
    return bytes(body)


def _unfolded(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    for piece in pieces:
        if decoder.eof:  # what follows would be kept, however much it is
            raise AnswerBroken("goes on behind its end")
        try:
            yield decoder.decompress(piece, max_bytes + 1)
        except zlib.error:
            raise AnswerBroken("is compressed, and broken") from None
        if decoder.unconsumed_tail:
            raise AnswerTooLarge
    if not decoder.eof:
        raise AnswerBroken("breaks off in the middle")
