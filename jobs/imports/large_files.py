"""Recordings that take much memory are read one at a time, however many processes read."""

import fcntl
from tempfile import TemporaryFile

from recordings.fit_chain import is_fit
from recordings.opened_file import OpenedFile

_LARGE_FIT, _LARGE_XML = 512 << 10, 8 << 20
"""Bytes, unpacked: six to seven hours of samples a second, or 100,000 of the shortest."""


def is_large(file: OpenedFile) -> bool:
    """Whether what is read of a file may take some hundred MB."""
    return file.size > (_LARGE_FIT if is_fit(file.head) else _LARGE_XML)


class LargeFileTurn:
    """The right to read a large file, which one of the processes of an import has at a time.

    It ends with the process, which is to end after such a file: then its memory has gone, too.
    """

    def __init__(self) -> None:
        self._lock = TemporaryFile()  # noqa: SIM115 - it ends with this
        self.is_taken = False

    def fileno(self) -> int:
        """The file that a process needs of its parent's."""
        return self._lock.fileno()

    def take(self) -> None:
        """Wait until no other process has it."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        self.is_taken = True

    def close(self) -> None:
        self._lock.close()
