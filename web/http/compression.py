"""Content codings of responses (RFC 9110, section 12.5.3): zstd, br and gzip at fast levels.

A response with a secret beside text of the caller's choice must not be compressed: its length would
reveal the secret.
"""

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import brotli
import zstandard

from web.errors import NotAcceptable
from web.http.media_type import weighed

Coding = Literal["zstd", "br", "gzip"]

_PREFERRED: tuple[Coding, ...] = ("zstd", "br", "gzip")
_MAX_KEPT_BYTES = 300
_ZSTD_LEVEL = 3
_BROTLI_QUALITY = 4
_GZIP_LEVEL = 4
_WINDOW_BITS = 17
"""Of bodies in pieces, whose compressors live as long as their clients read."""
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
MIN_BYTES = 1500
"""Smaller responses fit a packet as they are."""
LARGE_BYTES = 32 * 1024
"""Larger responses are compressed in a thread, so that other requests need not wait."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The coding of large responses, None: none. `is_required`: small ones must have it too."""

    coding: Coding | None = None
    is_required: bool = False


def coding_of(accept_encoding: bytes | None) -> Chosen:
    """Choose a coding.

    Raises NotAcceptable if neither plain nor any known coding is accepted, BadRequest.
    """
    if accept_encoding is None:
        return _NONE
    kept = len(accept_encoding) <= _MAX_KEPT_BYTES
    return (_kept_coding if kept else _choose)(accept_encoding)


def compress(body: bytes, coding: Coding) -> bytes:
    """Compress; safe to call in any thread, several at once."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    if coding == "br":
        compressed: bytes = brotli.compress(body, quality=_BROTLI_QUALITY)
        return compressed
    made = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    return made.compress(body) + made.flush()


class PieceCompressor:
    """Compresses a body that is sent in pieces: a client can read each as soon as it has come.

    Each piece may refer to the ones before, so the compressor keeps some 128 KiB of them.
    """

    _add: Callable[[bytes], bytes]
    _flush: Callable[[], bytes]
    _finish: Callable[[], bytes]

    def __init__(self, coding: Coding) -> None:
        if coding == "zstd":
            parameters = zstandard.ZstdCompressionParameters.from_level(
                _ZSTD_LEVEL, window_log=_WINDOW_BITS
            )
            of_zstd = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
            self._add = of_zstd.compress
            self._flush = partial(of_zstd.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            self._finish = of_zstd.flush
        elif coding == "br":
            of_brotli = brotli.Compressor(quality=_BROTLI_QUALITY, lgwin=_WINDOW_BITS)
            self._add, self._flush = of_brotli.process, of_brotli.flush
            self._finish = of_brotli.finish
        else:
            of_gzip = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
            self._add, self._finish = of_gzip.compress, of_gzip.flush
            self._flush = partial(of_gzip.flush, zlib.Z_SYNC_FLUSH)

    async def compress(self, piece: bytes, *, is_last: bool = False) -> bytes:
        """Compress the next piece."""
        if len(piece) >= LARGE_BYTES:
            return await asyncio.to_thread(self._compress, piece, is_last=is_last)
        return self._compress(piece, is_last=is_last)

    def _compress(self, piece: bytes, *, is_last: bool) -> bytes:
        return self._add(piece) + (self._finish() if is_last else self._flush())


def _choose(accept_encoding: bytes) -> Chosen:
    weights = {each.value: each.quality for each in weighed(accept_encoding)}
    other = weights.get("*", 0.0)
    known = {coding: weights.get(coding, other) for coding in _PREFERRED}
    best = max(_PREFERRED, key=lambda coding: known[coding])  # the first of equals
    uncoded = weights.get("identity", other if "*" in weights else 1.0)
    if known[best] == 0:
        if uncoded == 0:
            raise NotAcceptable(
                "`Accept-Encoding` must allow zstd, br, gzip or identity.", "Accept-Encoding"
            )
        return _NONE
    if "identity" in weights and uncoded > known[best]:
        return _NONE
    return Chosen(best, is_required=uncoded == 0)


_NONE = Chosen()
_kept_coding = lru_cache(maxsize=256)(_choose)
