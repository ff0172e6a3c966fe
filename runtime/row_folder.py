"""A folder of files that belong to rows: each is named by its row's number, nothing a client gave."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


class RowFolder:
    """Names and ends of the files in `folder`, which API processes and workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def path(self) -> Path:
        return self._folder

    def path_of(self, number: int) -> Path:
        return self._folder / str(number)

    def make(self) -> None:
        """Make the folder, for its owner only. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def remove(self, number: int) -> None:
        """Delete a file if it is there. Raises OSError."""
        with suppress(FileNotFoundError):
            self.path_of(number).unlink()

    def destroy(self, number: int) -> None:
        """Delete a file as `remove`; a process that has it open reads no more. Raises OSError."""
        with suppress(FileNotFoundError):
            os.truncate(self.path_of(number), 0)
        self.remove(number)

    def age_s(self, number: int) -> float:
        """Get the seconds since a file was changed; 0 if it is gone. Raises OSError."""
        try:
            return time.time() - self.path_of(number).stat().st_mtime
        except FileNotFoundError:
            return 0

    def ids(self) -> Iterator[int]:
        """Find the rows that have a file. Raises OSError."""
        if not self._folder.is_dir():
            return
        for each in self._folder.iterdir():
            if each.name.isascii() and each.name.isdigit():
                yield int(each.name)
