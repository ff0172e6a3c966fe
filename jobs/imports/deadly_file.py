"""Files that end the process that reads them."""

from recordings import RecordingError, UnreadableFile

MOST_LOST = 3
"""How often the reading of one file may end its process."""


def deadly(file: str) -> RecordingError:
    """Say why a file is left out that ended its process too often."""
    return UnreadableFile(
        file,
        f"reading it ended the process that read it, {MOST_LOST} times.",
        "Export it again; if that does not help, the operator finds the reason in the "
        "workers' log.",
    )
