"""Compresses files that are kept as they came: zstd (RFC 8878), with a checksum."""

from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from runtime.errors import PacegraphError

_LEVEL = 3
_BLOCK = 1 << 18


class CorruptOriginal(PacegraphError):
    """A kept file cannot be unpacked."""


def pack(stream: BinaryIO, size: int, most: int) -> bytes | None:
    """Compress `size` bytes of a stream; None where they take more than `most`."""
    packing = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj(size=size)
    packed = bytearray()
    while block := stream.read(_BLOCK):
        packed += packing.compress(block)
        if len(packed) > most:
            return None
    packed += packing.flush()
    return None if len(packed) > most else bytes(packed)


def unpacked(packed: bytes) -> Iterator[bytes]:
    """Unpack what `pack` made, in parts. Raises CorruptOriginal."""
    try:
        yield from zstandard.ZstdDecompressor().read_to_iter(packed, write_size=_BLOCK)
    except zstandard.ZstdError as error:
        raise CorruptOriginal(str(error)) from error
