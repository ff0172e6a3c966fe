"""Reads a file and derives all that its activities' rows hold, without the database.

So it can be done in a process of its own (`jobs/imports/reading_processes.py`).
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from athletics.activity_effort import ActivityEffort, RecordedRun, efforts_of_activity
from athletics.age_grade_table import Sex
from athletics.sport import is_in_shoes
from athletics.track import StreamError
from db.models import ImportOutcome, StreamsState
from db.stream_codec import Samples
from jobs.activity_laps import LapRow
from jobs.imports.activity_zone import zone_of_place
from jobs.imports.file_rows import (
    activity_row,
    derived_sums,
    lap_rows,
    samples_of,
    state_of,
)
from jobs.imports.large_files import is_large
from jobs.imports.packed_file import PackedFile
from jobs.sync.derived_rows import streams_of
from jobs.sync.prepared_parts import NO_PARTS, PreparedParts, prepare_parts
from jobs.sync.stored_streams import EncodedStreams
from recordings import NotARecording, RecordedActivity, RecordingError
from recordings.limits import DEFAULT_LIMITS
from recordings.opened_file import OpenedFile, opened
from recordings.problems import printable
from recordings.reader import read_opened
from recordings.recorded_activity import StatedTotals
from recordings.strava_list import ListedActivity
from recordings.zip_entries import BROKEN_ENTRY

_LONGEST_NAME = 1_000


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What the reading of an athlete's files depends on.

    `kept` and `unkept` are the digests of files that were imported whole; of those in `unkept` and
    of new ones the originals are packed, if `keeps_originals`. With `is_dry_run` nothing is
    derived.
    """

    sex: Sex | None = None
    kept: Collection[bytes] = frozenset()
    unkept: Collection[bytes] = frozenset()
    keeps_originals: bool = False
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class PreparedActivity:
    """An activity of a file, at `place` counted from 0.

    `row` is its row but for the athlete, the visibility and what follows from the zone. `zone` is
    None where the recording has no position. `problem`: why it cannot be imported. `said` is the
    message of its line in a report.
    """

    place: int
    said: str
    row: dict[str, Any]
    zone: str | None = None
    utc_offset_s: int | None = None
    sex: Sex | None = None
    efforts: tuple[ActivityEffort, ...] = ()
    streams: EncodedStreams | None = None
    parts: PreparedParts = NO_PARTS
    laps: tuple[LapRow, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file that was read. `digest` is None if it is left out, as `outcome` and `message` say.

    `is_known`: it was imported before, and was not read again. `original` is the file as it came,
    None if it is not to be kept, or is kept already.
    """

    name: str
    listed: ListedActivity | None = None
    digest: bytes | None = None
    activities: tuple[PreparedActivity, ...] = ()
    is_known: bool = False
    original: PackedFile | None = None
    outcome: ImportOutcome = ImportOutcome.FAILED
    message: str = ""


def prepare(
    name: str,
    content: BinaryIO | RecordingError,
    listed: ListedActivity | None,
    rules: ReadingRules,
    before_large: Callable[[], None] = lambda: None,
) -> PreparedFile:
    """Read a file, or say why it is left out. `listed` is what the list of an export tells of it.

    `before_large` is called before one is read that may take much memory.
    """
    name = printable(name, _LONGEST_NAME)
    if isinstance(content, RecordingError):
        return left_out(name, content)
    try:
        with opened(content, name, DEFAULT_LIMITS) as each:
            digest = each.sha256
            is_unkept = digest in rules.unkept
            if is_unkept or digest in rules.kept:
                original = _packed(each, rules) if is_unkept else None
                return PreparedFile(name, listed, digest, is_known=True, original=original)
            if is_large(each):
                before_large()
            read = read_opened(each, name)
            original = _packed(each, rules)
    except RecordingError as error:
        return left_out(name, error)
    except BROKEN_ENTRY as error:
        return PreparedFile(name, message=f"it cannot be read: {error}")
    problems, found = read.problems, deque(read.activities)
    del read
    activities: list[PreparedActivity] = []
    while found:
        # A long recording is let go of once its samples are taken: they take much memory each way.
        taken = _taken(found.popleft(), listed, problems, PurePosixPath(name).name)
        activities.append(_prepared(len(activities), taken, rules))
        problems = ()
    return PreparedFile(name, listed, digest, tuple(activities), original=original)


def _packed(file: OpenedFile, rules: ReadingRules) -> PackedFile | None:
    is_kept = rules.keeps_originals and not rules.is_dry_run
    return PackedFile.from_opened(file) if is_kept else None


@dataclass(slots=True)
class _Taken:
    """What is taken of a recorded activity; `row` lacks the sums that are derived."""

    said: str
    row: dict[str, Any]
    samples: Samples | None
    state: StreamsState
    totals: StatedTotals
    zone: str | None
    utc_offset_s: int | None
    laps: tuple[LapRow, ...]


def _taken(
    activity: RecordedActivity,
    listed: ListedActivity | None,
    problems: Sequence[str],
    file_name: str,
) -> _Taken:
    """Take an activity with what the list tells of it; `problems` are the file's."""
    named = listed.applied_to(activity) if listed else activity
    samples = samples_of(named)
    state = state_of(named, samples)
    return _Taken(
        "; ".join((_summary(named), *problems, *named.problems)),
        activity_row(named, file_name=file_name, streams_state=state),
        samples,
        state,
        named.totals,
        zone_of_place(named),
        named.utc_offset_s,
        tuple(lap_rows(named)),
    )


def _prepared(place: int, taken: _Taken, rules: ReadingRules) -> PreparedActivity:
    if rules.is_dry_run:
        return PreparedActivity(place, taken.said, {})
    row, samples = taken.row, taken.samples
    try:
        run, efforts = derived_efforts(row, samples, rules.sex)
    except StreamError as error:
        problem = f"its samples are no track: {error}"
        return PreparedActivity(place, taken.said, row, problem=problem)
    row |= derived_sums(row["sport_type"], taken.totals, run)
    stored = samples if taken.state is StreamsState.STORED else None
    parts = prepare_parts(run, stored)
    del run  # its track takes as much as what follows
    return PreparedActivity(
        place,
        taken.said,
        row,
        zone=taken.zone,
        utc_offset_s=taken.utc_offset_s,
        sex=rules.sex,
        efforts=efforts,
        streams=None if stored is None else EncodedStreams.from_samples(stored),
        parts=parts,
        laps=taken.laps,
    )


def derived_efforts(
    row: dict[str, Any], samples: Samples | None, sex: Sex | None
) -> tuple[RecordedRun, tuple[ActivityEffort, ...]]:
    """Derive the efforts of an activity. Raises StreamError."""
    run = RecordedRun(
        distance_m=row["distance_m"],
        elapsed_s=row["elapsed_time_s"],
        on_treadmill=row["trainer"],
        streams=None if samples is None else streams_of(samples),
    )
    found = efforts_of_activity(run, sport_type=row["sport_type"], flagged=False, sex=sex)
    return run, tuple(found.efforts)


def left_out(name: str, error: RecordingError) -> PreparedFile:
    """Say why a file is left out."""
    is_other = isinstance(error, NotARecording)
    outcome = ImportOutcome.SKIPPED if is_other else ImportOutcome.FAILED
    return PreparedFile(name, outcome=outcome, message=f"{error.problem} {error.remedy}".strip())


def _summary(activity: RecordedActivity) -> str:
    return (
        f"{activity.started_at:%Y-%m-%d %H:%M} UTC, {activity.sport_type or 'sport unknown'}, "
        f"{activity.distance_m / 1000:.2f} km, {len(activity.samples)} samples"
    )


def gear_of(file: PreparedFile, sport_type: str) -> str | None:
    """The name of the shoes that the list of an export tells of an activity, or None."""
    return file.listed.gear if file.listed and is_in_shoes(sport_type) else None
