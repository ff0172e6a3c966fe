"""Content codings of answers (RFC 9110, section 12.5.3): zstd, br and gzip, at levels that cost little time.

An answer that holds a secret beside text of the caller's choosing must not be compressed: its length would tell.
"""

import zlib
from functools import lru_cache
from typing import Literal

import brotli
import zstandard

from web.errors import NotAcceptable
from web.media_type import weighed

Coding = Literal["zstd", "br", "gzip"]

_PREFERRED: tuple[Coding, ...] = ("zstd", "br", "gzip")
_MAX_KEPT_BYTES = 300
_ZSTD_LEVEL = 3
_BROTLI_QUALITY = 4
_GZIP_LEVEL = 4
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
MIN_BYTES = 1500
"""Answers below this fit a packet as they are."""
LARGE_BYTES = 32 * 1024
"""Answers above this are compressed in a thread, so that other requests need not wait."""


def coding_of(accept_encoding: bytes | None) -> Coding | None:
    """Choose the coding for a large answer; None: none. Raises NotAcceptable where none will do and none is known."""
    if accept_encoding is None:
        return None
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


def _choose(accept_encoding: bytes) -> Coding | None:
    weights = {each.value: each.quality for each in weighed(accept_encoding)}
    other = weights.get("*")
    known = {coding: weights.get(coding, other or 0.0) for coding in _PREFERRED}
    best = max(_PREFERRED, key=lambda coding: known[coding])  # the first of equals
    uncoded = weights.get("identity", 1.0 if other is None else other)
    if known[best] > 0 and (known[best] >= uncoded or "identity" not in weights):
        return best
    if uncoded == 0 and known[best] == 0:
        raise NotAcceptable("Answers come as zstd, br, gzip or identity. Accept one of them.", "Accept-Encoding")
    return None


_kept_coding = lru_cache(maxsize=256)(_choose)
