"""Digests of files that an athlete has, some hundred thousand perhaps, in little memory."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import overload

_LENGTH = 32


class KnownDigests(Sequence[bytes]):
    """SHA-256 digests: 32 bytes each, not the hundred of a set."""

    def __init__(self, joined: bytes = b"") -> None:
        """Take them `joined`, in their order."""
        self._joined = joined

    def __len__(self) -> int:
        return len(self._joined) // _LENGTH

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(place, slice):
            return [*self][place]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._joined[place * _LENGTH : (place + 1) * _LENGTH]

    def __iter__(self) -> Iterator[bytes]:
        return (self[place] for place in range(len(self)))

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes):
            return False
        place = bisect_left(self, digest)
        return place < len(self) and self[place] == digest
