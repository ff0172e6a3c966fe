"""Reads recordings of activities: FIT, GPX and TCX files, also packed."""

from recordings.errors import FileTooLarge, NotARecording, RecordingError, UnreadableFile
from recordings.limits import ReadingLimits
from recordings.reader import read_stream
from recordings.recorded_activity import (
    ReadFile,
    RecordedActivity,
    RecordedLap,
    SampleColumns,
    StatedTotals,
)

__all__ = [
    "FileTooLarge",
    "NotARecording",
    "ReadFile",
    "ReadingLimits",
    "RecordedActivity",
    "RecordedLap",
    "RecordingError",
    "SampleColumns",
    "StatedTotals",
    "UnreadableFile",
    "read_stream",
]
