"""Reads FIT files: chained ones, several sessions in one, broken ones as far as they go."""

from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO

import fitdecode

from recordings.errors import NotARecording, RecordingError, UnreadableFile
from recordings.fit_activity import activities_of
from recordings.fit_chain import FitPart, FitWindow, fit_parts
from recordings.fit_collector import FitCollector, FitMessages
from recordings.fit_heart_rate import StrapMemory
from recordings.problems import ProblemList
from recordings.recorded_activity import ReadFile
from recordings.sample_builder import ReadingBudget

_BUFFER = 1 << 16


def read_fit(stream: BinaryIO, budget: ReadingBudget) -> ReadFile:
    """Read a seekable stream to its end. Raises RecordingError where nothing can be kept."""
    problems, strap = ProblemList(), StrapMemory()
    found = list(_parts(stream, budget, strap, problems))
    kept = [each for each in found if each.is_activity]
    if not kept:
        kinds = sorted({each.kind for each in found if each.kind} - {"activity"})
        if kinds:
            raise NotARecording(
                budget.file,
                f"it is a FIT file of the kind {' and '.join(kinds)}, which is no activity.",
                "Choose files of activities.",
            )
        raise _without_activity(budget.file, problems)
    for each in found:
        if not each.is_activity and each.kind not in {None, "activity"}:
            problems.add(f"a part of the kind {each.kind}, which is no activity: left out")
    activities = [
        activity for messages in kept for activity in activities_of(messages, strap, problems)
    ]
    if not activities:
        raise _without_activity(budget.file, problems)
    return ReadFile("FIT", tuple(activities), problems.messages())


def _without_activity(file: str, problems: ProblemList) -> UnreadableFile:
    lost = "; ".join(("it holds no activity", *problems.messages()))
    return UnreadableFile(file, f"{lost}.", "Export it from the device or the service again.")


def _parts(
    stream: BinaryIO, budget: ReadingBudget, strap: StrapMemory, problems: ProblemList
) -> Iterator[FitMessages]:
    end = 0
    for number, part in enumerate(fit_parts(stream), start=1):
        if number > budget.limits.activities:
            problems.add("more FIT files in a chain than are read: the rest is lost")
            return
        _check(part, number, problems)
        yield _read_part(stream, part, budget, strap, problems)
        end = part.end
    left = stream.seek(0, 2) - end
    if left:
        problems.add(f"{left} bytes from byte {end} on are no FIT file: lost")


def _check(part: FitPart, number: int, problems: ProblemList) -> None:
    name = "the file" if number == 1 else f"part {number} of the file"
    if not part.is_whole:
        problems.add(f"{name} ends early, or was never closed by the device")
    elif not part.is_sound:
        problems.add(f"the checksum of {name} is wrong: its values may be, too")


def _read_part(
    stream: BinaryIO,
    part: FitPart,
    budget: ReadingBudget,
    strap: StrapMemory,
    problems: ProblemList,
) -> FitMessages:
    collector = FitCollector(budget, strap, problems)
    window = BufferedReader(FitWindow(stream, part), _BUFFER)
    reader = fitdecode.FitReader(
        window,
        processor=None,
        check_crc=fitdecode.CrcCheck.DISABLED,
        error_handling=fitdecode.ErrorHandling.IGNORE,
    )
    try:
        for frame in reader:
            if frame.frame_type == fitdecode.FIT_FRAME_DATA:
                collector.take(frame)
    except RecordingError:
        raise
    except fitdecode.FitEOFError:
        if part.is_whole:
            problems.add("the file ends within a message")
    except Exception as error:  # noqa: BLE001 - broken input raises what the reader met
        position = part.start + window.tell()
        left = part.end - position
        problems.add(f"broken at byte {position} ({error}): the {left} bytes after it are lost")
    return collector.finish()
