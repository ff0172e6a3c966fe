"""Samples of an activity as a file outside of the database, beside originals.

`pacegraph move-samples` makes it (`jobs/moved_samples.py`). It has a byte for its version, then the
columns `samples`, `marks` and `positions` of `activity_streams`, each after its length in four
bytes, little-endian; a length of 2³² - 1 stands for null. They are compressed already.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from db.models import OriginalPlace
from db.original_files import StoredOriginals
from db.stream_codec import CorruptStreams

_VERSION = b"\x01"
_NULL = b"\xff" * 4


@dataclass(frozen=True, slots=True)
class SamplesFile:
    """Where the samples of an activity are, and the SHA-256 of the file."""

    number: int
    place: OriginalPlace
    digest: bytes

    @classmethod
    def from_row(cls, row: Any) -> "SamplesFile | None":
        """Make one of a row with `moved_samples.FILE`, as `from_values`. None: it names none."""
        return cls.from_values(row.file_id, row.file_place, row.file_digest)

    @classmethod
    def from_values(
        cls, number: int | None, place: str | None, digest: bytes | None
    ) -> "SamplesFile | None":
        """Make one of the values of `moved_samples.FILE`; None for samples in the database."""
        if number is None or place is None or digest is None:
            return None
        return cls(number, OriginalPlace(place), digest)

    def unpack(self, packed: bytes) -> "PackedSamples":
        """Read the file's content. Raises CorruptStreams if it is another's."""
        if sha256(packed).digest() != self.digest:
            raise CorruptStreams("a file of samples is damaged: its SHA-256 is another")
        return PackedSamples.unpack(packed)


@dataclass(frozen=True, slots=True)
class PackedSamples:
    """Three columns of a row of `activity_streams`."""

    samples: bytes
    marks: bytes | None
    positions: bytes | None

    def pack(self) -> bytes:
        """Write a file's content."""
        columns = (self.samples, self.marks, self.positions)
        return _VERSION + b"".join(map(_with_length, columns))

    @classmethod
    def unpack(cls, packed: bytes) -> "PackedSamples":
        """Read a file's content. Raises CorruptStreams."""
        match list(_columns(packed)) if packed[:1] == _VERSION else []:
            case [bytes() as samples, marks, positions]:
                return cls(samples, marks, positions)
        raise CorruptStreams("a file of samples is damaged")


def read(files: StoredOriginals, file: SamplesFile) -> PackedSamples:
    """Fetch samples. Raises OriginalUnreachable, OriginalMissing, CorruptStreams."""
    return file.unpack(files.read(file.place, file.number))


def whole(files: StoredOriginals, row: Any) -> PackedSamples:
    """Get the samples of a row of `activity_streams`, which has `moved_samples.FILE`, too.

    Raises as `read`, where they are not in the database.
    """
    file = SamplesFile.from_row(row)
    if file is None:
        return PackedSamples(row.samples, row.marks, row.positions)
    return read(files, file)


def _with_length(column: bytes | None) -> bytes:
    return _NULL if column is None else len(column).to_bytes(4, "little") + column


def _columns(packed: bytes) -> Iterator[bytes | None]:
    place = len(_VERSION)
    while place < len(packed):
        length, place = packed[place : place + 4], place + 4
        if length == _NULL:
            yield None
            continue
        end = place + int.from_bytes(length, "little")
        if end > len(packed):
            raise CorruptStreams("a file of samples ends early")
        yield packed[place:end]
        place = end
