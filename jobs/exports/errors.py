"""Why an archive cannot be made now."""

from runtime.errors import PacegraphError


class ExportsFull(PacegraphError):
    """The archives of all athletes take as much room as they may, or the disk is full."""

    def __init__(self) -> None:
        super().__init__("the archives of this server take as much room as they may")
