"""The folder of files on their way to an import."""

from runtime.row_folder import RowFolder
from settings import Settings


class UploadFolder(RowFolder):
    """The files of uploads."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.uploads_folder or settings.pacegraph_home / "uploads")
