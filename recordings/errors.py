"""Errors of files that hold no recording, or none that can be read.

RecordingError
├── UnreadableFile     broken from its beginning, encrypted, of an unknown format
├── NotARecording      sound, but a plan, a course, settings or the like
└── FileTooLarge       beyond a limit of `recordings/limits.py`
"""

from dataclasses import dataclass


@dataclass(slots=True)
class RecordingError(Exception):
    """Base of this package's errors: what is wrong with which file, and what the user can do."""

    file: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem} {self.remedy}"


class UnreadableFile(RecordingError):
    pass


class NotARecording(RecordingError):
    pass


class FileTooLarge(RecordingError):
    pass
