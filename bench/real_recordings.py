"""Reads every file below a folder, and prints what each holds beside what a second parser says.

    make real-recordings FOLDER=~/Downloads/export

The second parsers (garmin-fit-sdk, gpxpy, tcxreader) are installed in a temporary folder: they are
no part of pacegraph. Rows differ where their samples differ, or their distance by more than 1 %.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryDirectory
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile

from athletics.activity_effort import RecordedRun, Streams, efforts_of_activity
from athletics.age_grade_table import Sex
from bench.second_parsers import Second, second_reading
from jobs.imports.file_rows import samples_of
from recordings import ReadFile, RecordedActivity, RecordingError
from recordings.archive import files_of
from recordings.limits import DEFAULT_LIMITS
from recordings.opened_file import opened
from recordings.reader import read_opened

_SECOND = ("garmin-fit-sdk==21.218.0", "gpxpy==1.6.2", "tcxreader==0.4.11")
_HEAD = "file|format|device or app|activities|samples|laps|km|time|efforts|second parser|odd"
_TOLERANCE = 0.01
_MOST_ODD = 3
_MOST_IN_MEMORY = 8 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `verdict` counts the lines that agree."""

    cells: tuple[str, ...]
    verdict: str


def main(folder: Path) -> int:
    """Print the table. Returns 1 if the folder cannot be read."""
    if not folder.exists():
        print(f"FOLDER: {folder} is not there.", file=sys.stderr)
        return 1
    with TemporaryDirectory() as packages:
        _install(packages)
        sys.path.append(packages)
        verdicts = Counter[str]()
        print(f"| {_HEAD.replace('|', ' | ')} |\n|{'---|' * len(_HEAD.split('|'))}")
        for row in _rows(folder):
            verdicts[row.verdict] += 1
            print(f"| {' | '.join(row.cells)} |", flush=True)
    print("\n" + ", ".join(f"{count} {what}" for what, count in verdicts.most_common()))
    return 0


def _install(folder: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, *_SECOND]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        print("The second parsers cannot be installed: their column stays empty.", file=sys.stderr)


def _rows(folder: Path) -> Iterator[Row]:
    for name, content in files_of(folder):
        if isinstance(content, RecordingError):
            yield _refused(name, content)
            continue
        try:
            with opened(content, name, DEFAULT_LIMITS) as each, _copy(each.stream) as copy:
                read = read_opened(each, name)
                yield _row(name, read, second_reading(read.format, copy))
        except RecordingError as error:
            yield _refused(name, error)
        except (BadZipFile, OSError, EOFError, ValueError, RuntimeError) as error:
            yield Row((name, *[""] * 9, str(error)), "unreadable")


def _copy(source: BinaryIO) -> "SpooledTemporaryFile[bytes]":
    copy = SpooledTemporaryFile(_MOST_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    while block := source.read(1 << 20):
        copy.write(block)
    source.seek(0)
    copy.seek(0)
    return cast("Any", copy)


def _refused(name: str, error: RecordingError) -> Row:
    return Row((name, *[""] * 9, error.problem), type(error).__name__)


def _row(name: str, read: ReadFile, second: Second | None) -> Row:
    activities = read.activities
    samples = sum(len(each.samples) for each in activities)
    meters = sum(each.distance_m for each in activities)
    odd = [*read.problems, *(problem for each in activities for problem in each.problems)]
    verdict = _verdict(samples, meters, second)
    cells = (
        name.replace("|", "/"),
        read.format,
        next((each.device or each.app or "" for each in activities), ""),
        str(len(activities)),
        str(samples),
        str(sum(len(each.laps) for each in activities)),
        f"{meters / 1000:.2f}",
        _clock(sum(each.elapsed_s for each in activities)),
        str(sum(_efforts(each) for each in activities)),
        "" if second is None else f"{second.samples} samples, {second.said()}: {verdict}",
        "; ".join(odd[:_MOST_ODD]).replace("|", "/"),
    )
    return Row(cells, verdict)


def _verdict(samples: int, meters: float, second: Second | None) -> str:
    if second is None:
        return "read by one parser"
    if second.problem:
        return "the second parser fails"
    is_same = second.samples == samples
    if second.distance_m is not None and meters:
        is_same &= abs(second.distance_m - meters) <= _TOLERANCE * meters
    return "same" if is_same else "differs"


def _efforts(activity: RecordedActivity) -> int:
    samples = samples_of(activity)
    run = RecordedRun(
        distance_m=activity.distance_m,
        elapsed_s=round(activity.elapsed_s),
        on_treadmill=activity.is_indoor,
        streams=None if samples is None else Streams(samples.time_s, samples.distance_m),
        strava_efforts=(),
    )
    try:
        sport = activity.sport_type or ""
        return len(efforts_of_activity(run, sport_type=sport, flagged=False, sex=Sex.MALE).efforts)
    except ValueError:
        return 0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).expanduser()))
