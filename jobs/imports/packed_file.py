"""A file as it came, compressed in the process that read it."""

from dataclasses import dataclass

from db.original_codec import pack
from recordings.opened_file import OpenedFile

_MOST_BYTES = 16 << 20
"""Several files wait in a worker until they are written."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file's length in bytes, and its content with zstd; None where that is too large to keep."""

    size: int
    packed: bytes | None

    @classmethod
    def from_opened(cls, file: OpenedFile) -> "PackedFile":
        """Compress what `recordings.opened_file` unpacked."""
        file.stream.seek(0)
        return cls(file.size, pack(file.stream, file.size, _MOST_BYTES))

    @property
    def packed_bytes(self) -> int:
        return len(self.packed or b"")
