"""ZIP archives of any number of entries, of which little is held in memory.

ZipFile holds an object of half a kilobyte for each: 110 MB for the 200,000 that an archive may have.
Here each takes its name and 48 bytes, and becomes such an object when its turn comes
(docs/decisions/0036-entries-of-archives.md).
"""

import zlib
from array import array
from collections.abc import Iterator
from lzma import LZMAError
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

_NUMBERS = ("flag_bits", "compress_type", "CRC", "external_attr")
_SIZES = ("compress_size", "file_size", "header_offset")
BROKEN_ENTRY = (
    BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error, LZMAError,
)  # fmt: skip
"""What ZipFile raises of an entry that is damaged or packed in a rare way, as it is opened or read."""


class ManyEntries(ZipFile):
    """An archive; `entries` takes the place of `infolist`."""

    def entries(self) -> Iterator[ZipInfo]:
        """Make what ZipFile tells of each file, in the order of the archive, without folders."""
        kept: Any = self.filelist
        # `is_dir` takes no empty name.
        return (each for each in kept.entries() if not each.filename.endswith("/"))

    def _RealGetContents(self) -> None:  # noqa: N802 - ZipFile's, which reads the directory
        attributes: dict[str, Any] = {"filelist": _Entries(), "NameToInfo": _NoNames()}
        vars(self).update(attributes)
        super()._RealGetContents()  # type: ignore[misc]


class _Entries:
    """What ZipFile takes for its list."""

    def __init__(self) -> None:
        self._names, self._ends = bytearray(), array("Q")
        self._numbers, self._sizes = array("I"), array("Q")

    def append(self, entry: ZipInfo) -> None:
        """Keep an entry. Raises BadZipFile."""
        self._names += entry.orig_filename.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._names))
        try:
            self._numbers.extend(getattr(entry, name) for name in _NUMBERS)
            self._sizes.extend(getattr(entry, name) for name in _SIZES)
        except OverflowError as error:
            raise BadZipFile("a size or a place in it is none") from error

    def __iter__(self) -> Iterator[ZipInfo]:
        """Give nothing: newer versions of ZipFile would sort all of them."""
        return iter(())

    def entries(self) -> Iterator[ZipInfo]:
        start = 0
        for place, end in enumerate(self._ends):
            found = ZipInfo(self._names[start:end].decode("utf-8", "surrogatepass"))
            start = end
            for names, values in ((_NUMBERS, self._numbers), (_SIZES, self._sizes)):
                for number, name in enumerate(names, start=place * len(names)):
                    setattr(found, name, values[number])
            yield found


class _NoNames(dict[str, ZipInfo]):
    """Forgets what ZipFile notes by name: entries are opened by what `entries` gives."""

    def __setitem__(self, name: str, entry: ZipInfo) -> None:
        pass
