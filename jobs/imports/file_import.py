"""Imports recordings from files into the database, one activity a transaction.

An interrupted import goes on where it stopped: what was imported before is known by its content.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from sqlalchemy import Connection

from athletics.track import StreamError
from db.models import StreamsState, Visibility
from db.statements import athlete as athletes
from db.statements import imported_file
from db.stream_codec import Samples
from db.transaction_runner import TransactionRunner
from jobs.imports.activity_rows import activity_row, samples_of, state_of
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner, derive_rows
from jobs.sync.personal_bests import recalculate, write_efforts
from jobs.sync.stored_streams import EncodedStreams, store_streams
from recordings import NotARecording, RecordedActivity, RecordingError
from recordings.limits import DEFAULT_LIMITS
from recordings.opened_file import opened
from recordings.reader import read_opened
from runtime.errors import PacegraphError


class ImportOutcome(StrEnum):
    """What became of an activity, or of a file without one."""

    IMPORTED = "imported"
    SAME_AS = "same as"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """A line of the report. `file` is the name below the path that was given."""

    file: str
    outcome: ImportOutcome
    message: str
    activity_id: int | None = None


class AthleteUnknown(PacegraphError):
    """There is no such athlete. The message says how to find the ids."""


class FileImport:
    """The import of one athlete's files. With `is_dry_run` nothing is written."""

    def __init__(
        self,
        transactions: TransactionRunner,
        athlete_id: int,
        *,
        visibility: Visibility = Visibility.ONLY_ME,
        is_dry_run: bool = False,
    ) -> None:
        self._transactions = transactions
        self._athlete_id = athlete_id
        self._visibility = visibility
        self._is_dry_run = is_dry_run

    def check(self) -> None:
        """Raise AthleteUnknown unless the athlete is there."""
        self._transactions.write(self._runner)

    def take(self, file: str, content: "BinaryIO | RecordingError") -> Iterator[ImportedItem]:
        """Import a file, or say why it is left out. Raises DatabaseError only."""
        if isinstance(content, RecordingError):
            yield _left_out(file, content)
            return
        try:
            with opened(content, file, DEFAULT_LIMITS) as each:
                known = self._transactions.read(lambda c: self._known(c, each.sha256))
                if known and self._is_dry_run:
                    yield from _same(file, known)
                    return
                read = read_opened(each, file)
                digest = each.sha256
        except RecordingError as error:
            yield _left_out(file, error)
            return
        except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
            # What ZIP archives raise while an entry is read: a wrong checksum, a rare compression.
            yield ImportedItem(file, ImportOutcome.FAILED, f"it cannot be read: {error}")
            return
        for place, activity in enumerate(read.activities):
            problems = (*read.problems, *activity.problems) if not place else activity.problems
            yield self._take_one(file, digest, place, activity, problems)

    def finish(self) -> None:
        """Find duplicates among all of the athlete's activities, and update personal bests."""
        if not self._is_dry_run:
            self._transactions.write(lambda c: recalculate(c, self._athlete_id))

    def _take_one(
        self,
        file: str,
        digest: bytes,
        place: int,
        activity: RecordedActivity,
        problems: tuple[str, ...],
    ) -> ImportedItem:
        said = "; ".join((_summary(activity), *problems))
        if self._is_dry_run:
            return ImportedItem(file, ImportOutcome.IMPORTED, said)
        samples = samples_of(activity)
        state = state_of(activity, samples)

        def write(connection: Connection) -> tuple[int, bool]:
            runner = self._runner(connection)
            known = self._known(connection, digest)
            if place in known:
                return known[place], False
            values = {"athlete": self._athlete_id, "at": activity.started_at}
            row = activity_row(
                self._athlete_id,
                activity,
                file_name=PurePosixPath(file).name,
                visibility=self._visibility,
                neighbor_zone=connection.execute(imported_file.nearest_zone(), values).scalar(),
                streams_state=state,
            )
            made = connection.execute(
                imported_file.create_activity(row | {"efforts_version": EFFORTS_VERSION})
            ).one()
            is_stored = state is StreamsState.STORED
            _write_derived(connection, made, runner, samples if is_stored else None)
            connection.execute(
                imported_file.record(),
                {
                    "athlete": self._athlete_id,
                    "file_digest": digest,
                    "at_place": place,
                    "activity": made.id,
                    "name": file,
                },
            )
            return made.id, True

        try:
            activity_id, is_new = self._transactions.write(write)
        except StreamError as error:
            return ImportedItem(file, ImportOutcome.FAILED, f"its samples are no track: {error}")
        outcome = ImportOutcome.IMPORTED if is_new else ImportOutcome.SAME_AS
        return ImportedItem(file, outcome, said, activity_id)

    def _runner(self, connection: Connection) -> Runner:
        row = connection.execute(athletes.lock(), {"athlete": self._athlete_id}).one_or_none()
        if row is None:
            raise AthleteUnknown(
                f"--athlete: there is no athlete {self._athlete_id}. "
                "`{ viewer { athlete { id } } }` tells a signed-in one's id."
            )
        return Runner.from_row(row)

    def _known(self, connection: Connection, digest: bytes) -> dict[int, int]:
        values = {"athlete": self._athlete_id, "file_digest": digest}
        found = connection.execute(imported_file.find(), values)
        return {row.place: row.activity_id for row in found}


def _write_derived(
    connection: Connection, activity: Any, runner: Runner, samples: Samples | None
) -> None:
    derived = derive_rows(activity, runner, samples)
    if samples is not None:
        store_streams(connection, activity.id, EncodedStreams.from_samples(samples))
    write_efforts(connection, activity.id, derived.rows)


def _same(file: str, known: dict[int, int]) -> Iterator[ImportedItem]:
    for activity_id in known.values():
        yield ImportedItem(file, ImportOutcome.SAME_AS, "it was imported before", activity_id)


def _left_out(file: str, error: RecordingError) -> ImportedItem:
    is_other = isinstance(error, NotARecording)
    outcome = ImportOutcome.SKIPPED if is_other else ImportOutcome.FAILED
    return ImportedItem(file, outcome, f"{error.problem} {error.remedy}".strip())


def _summary(activity: RecordedActivity) -> str:
    return (
        f"{activity.started_at:%Y-%m-%d %H:%M} UTC, {activity.sport_type or 'sport unknown'}, "
        f"{activity.distance_m / 1000:.2f} km, {len(activity.samples)} samples"
    )
