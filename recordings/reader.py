"""Reads a file of any format that pacegraph knows."""

from typing import BinaryIO

from recordings.errors import UnreadableFile
from recordings.fit import read_fit
from recordings.fit_chain import is_fit
from recordings.gpx import read_gpx
from recordings.limits import DEFAULT_LIMITS, ReadingLimits
from recordings.opened_file import GZIP, OpenedFile, opened
from recordings.recorded_activity import ReadFile
from recordings.sample_builder import ReadingBudget
from recordings.stated_sums import without_unsound_sums
from recordings.tcx import read_tcx
from recordings.xml_root import root_name

SUFFIXES = (".fit", ".gpx", ".tcx", ".fit.gz", ".gpx.gz", ".tcx.gz")


def read_stream(source: BinaryIO, file: str, limits: ReadingLimits = DEFAULT_LIMITS) -> ReadFile:
    """Read one file from a stream; `file` is its name for messages. Raises RecordingError."""
    with opened(source, file, limits) as each:
        return read_opened(each, file, limits)


def read_opened(each: OpenedFile, file: str, limits: ReadingLimits = DEFAULT_LIMITS) -> ReadFile:
    """Read an opened file; its content tells the format, not its name. Raises RecordingError."""
    budget = ReadingBudget(file, limits)
    read = _read(each, budget)
    activities = tuple(map(without_unsound_sums, read.activities))
    problems = (each.problem,) if each.problem else ()
    return ReadFile(read.format, activities, (*problems, *read.problems))


def _read(each: OpenedFile, budget: ReadingBudget) -> ReadFile:
    if not each.size:
        raise UnreadableFile(budget.file, "it is empty.", "Download or export it again.")
    if each.head.startswith(GZIP):
        raise UnreadableFile(budget.file, "it is gzip within gzip.", "Unpack it once.")
    if is_fit(each.head):
        return read_fit(each.stream, budget)
    name = root_name(each.head)
    if name == "gpx":
        return read_gpx(each.stream, budget)
    if name == "TrainingCenterDatabase":
        return read_tcx(each.stream, budget)
    raise UnreadableFile(
        budget.file,
        f"it is XML of another kind (<{name}>)." if name else "its format is not known.",
        "pacegraph reads FIT, GPX and TCX, also with gzip and in ZIP archives.",
    )
