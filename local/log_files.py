"""Log files of one `pacegraph run`: private, bounded, and kept when the next run starts."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600


@dataclass(frozen=True, slots=True)
class LogLimits:
    """The size of one log file, and how many older ones are kept beside it."""

    file_bytes: int = 10_000_000
    kept: int = 5


DEFAULT_LIMITS = LogLimits()


class LogFile:
    """A log, `name`.log, with the older ones `name`.log.1 (the newest) to `name`.log.N.

    The file may be renamed and its folder deleted at any time: the next write makes a new one. A
    write never raises. What cannot be written, because the disk is full, is counted in
    `lost_bytes`.
    """

    def __init__(self, path: Path, limits: LogLimits = DEFAULT_LIMITS) -> None:
        self.path, self._limits = path, limits
        self._file: int | None = None
        self._size = 0
        self.lost_bytes = 0

    def begin(self) -> None:
        """Keep what an earlier run wrote as an older file, and open a new one. Raises OSError."""
        make_private_folder(self.path.parent)
        if self.path.exists() and self.path.stat().st_size:
            self._shift()
        self._open()

    def write(self, data: bytes) -> None:
        try:
            if not self._is_in_place():
                self._open()
            if self._size and self._size + len(data) > self._limits.file_bytes:
                self._shift()
                self._open()
            assert self._file is not None
            self._size += os.write(self._file, data)
        except OSError:
            self.lost_bytes += len(data)

    def fileno(self) -> int:
        assert self._file is not None
        return self._file

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _is_in_place(self) -> bool:
        """Tell whether the open file still has this path."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            return False

    def _open(self) -> None:
        self.close()
        make_private_folder(self.path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self.path, flags, _PRIVATE_FILE)
        os.fchmod(self._file, _PRIVATE_FILE)
        self._size = os.fstat(self._file).st_size

    def _shift(self) -> None:
        """Rename each file to the next number; the oldest one is deleted."""
        files = [self.path]
        files += [
            self.path.with_name(f"{self.path.name}.{n + 1}") for n in range(self._limits.kept)
        ]
        files[-1].unlink(missing_ok=True)
        for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)


class Outputs(Protocol):
    """Where children write to."""

    def path_of(self, name: str) -> Path:
        """Get the path of the log of the child `name`."""

    def opened(self, name: str) -> contextlib.AbstractContextManager[int]:
        """Open a file descriptor that the child `name` inherits as its output."""

    def catch_up(self) -> None:
        """Wait, for a limited time, until what ended children wrote is in their logs."""


class FileOutputs:
    """Children append to their log files themselves. Each start of a child begins a new file."""

    def __init__(self, home: Path, limits: LogLimits = DEFAULT_LIMITS) -> None:
        self._folder, self._limits = home / "logs", limits

    def path_of(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        log = LogFile(self.path_of(name), self._limits)
        log.begin()
        try:
            yield log.fileno()
        finally:
            log.close()

    def catch_up(self) -> None:
        pass


def make_private_folder(folder: Path) -> None:
    """Create a folder if it does not exist; only its owner may use it."""
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.geteuid():
        folder.chmod(_PRIVATE_FOLDER)
