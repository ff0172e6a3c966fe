"""Opens a file of unknown format: unpacks gzip, bounds its size, computes its hash."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol, cast

from recordings.errors import FileTooLarge, UnreadableFile
from recordings.limits import ReadingLimits

GZIP = b"\x1f\x8b"
_BLOCK = 1 << 18
_IN_MEMORY = 8 << 20
_HEAD = 4_096


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A seekable stream of the unpacked bytes; `sha256` and `size` are of these.

    `problem`: what was lost of a gzip file that ends early, else None.
    """

    stream: BinaryIO
    head: bytes
    sha256: bytes
    size: int
    problem: str | None = None


@contextmanager
def opened(source: BinaryIO, file: str, limits: ReadingLimits) -> Iterator[OpenedFile]:
    """Copy a stream to memory or, beyond 8 MB, to a temporary file; gzip is unpacked.

    Raises FileTooLarge, and UnreadableFile for a gzip file of which nothing can be unpacked.
    """
    with SpooledTemporaryFile(_IN_MEMORY) as copy:
        start = source.read(2)
        prefixed = _Prefixed(start, source)
        problem = None
        digest, size = hashlib.sha256(), 0
        blocks = _unpacked(prefixed) if start == GZIP else _plain(prefixed)
        try:
            for block in blocks:
                size += len(block)
                if size > limits.file_bytes:
                    raise _too_large(file, limits)
                digest.update(block)
                copy.write(block)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if not size:
                raise UnreadableFile(
                    file, f"its gzip compression is broken ({error}).", "Download it again."
                ) from error
            problem = f"its gzip compression ends early ({error}): what stands before is kept"
        copy.seek(0)
        head = copy.read(_HEAD)
        copy.seek(0)
        yield OpenedFile(cast("BinaryIO", copy), head, digest.digest(), size, problem)


def _too_large(file: str, limits: ReadingLimits) -> FileTooLarge:
    return FileTooLarge(
        file,
        f"it is larger than {limits.file_bytes // 2**20} MB, unpacked.",
        "Split it into shorter recordings.",
    )


def _plain(source: _Readable) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block


def _unpacked(source: _Readable) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=cast("BinaryIO", source)) as packed:
        while block := packed.read1(_BLOCK):
            yield block


class _Prefixed:
    """A stream of which the first bytes were read already."""

    def __init__(self, start: bytes, source: BinaryIO) -> None:
        self._start = start
        self._source = source

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._source.read(size)
        start, self._start = self._start[:size], self._start[size:]
        return (
            start
            if size >= 0 and len(start) == size
            else start + self._source.read(size - len(start) if size >= 0 else -1)
        )
