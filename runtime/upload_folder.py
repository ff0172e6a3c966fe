"""The folder of files on their way to an import. API processes and workers share it.

A file's name is the number of its row, nothing that a client gave.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from settings import Settings


class UploadFolder:
    """Names, sizes and ends of the files of uploads."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.uploads_folder or settings.pacegraph_home / "uploads"

    def path_of(self, upload_id: int) -> Path:
        return self._folder / str(upload_id)

    def make(self) -> None:
        """Make the folder, for its owner only. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def remove(self, upload_id: int) -> None:
        """Delete a file if it is there. Raises OSError."""
        with suppress(FileNotFoundError):
            self.path_of(upload_id).unlink()

    def ids(self) -> Iterator[int]:
        """Find the uploads that have a file. Raises OSError."""
        if not self._folder.is_dir():
            return
        for each in self._folder.iterdir():
            if each.name.isascii() and each.name.isdigit():
                yield int(each.name)
