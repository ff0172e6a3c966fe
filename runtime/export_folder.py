"""The folder of archives that athletes may download."""

from runtime.row_folder import RowFolder
from settings import Settings


class ExportFolder(RowFolder):
    """The files of exports, finished or not."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.exports_folder or settings.pacegraph_home / "exports")
