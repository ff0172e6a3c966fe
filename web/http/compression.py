"""Content codings of responses (RFC 9110, section 12.5.3): zstd, br and gzip at fast levels.

A response with a secret beside text of the caller's choice must not be compressed: its length would
reveal the secret.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
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
