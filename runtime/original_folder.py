"""The folder of files that recordings were read from, as they came."""

import os

from runtime.row_folder import RowFolder
from settings import Settings


class OriginalFolder(RowFolder):
    """The files of originals, compressed. A file is there before the commit that makes its row."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.originals_folder or settings.pacegraph_home / "originals")

    def write(self, number: int, packed: bytes) -> None:
        """Write the file of a row that is to be committed. Raises OSError."""
        self.make()
        file = os.open(self.path_of(number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(packed)
            opened.flush()
            os.fsync(opened.fileno())
