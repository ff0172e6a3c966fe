"""Imports recordings from files into the database, one activity a transaction.

An interrupted import goes on where it stopped: what was imported before is known by its content.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Protocol, TypeVar

from sqlalchemy import Connection

from athletics.track import StreamError
from db.models import ImportOutcome, StreamsState, Visibility
from db.statements import athlete as athletes
from db.statements import imported_file
from db.stream_codec import Samples
from jobs.activity_laps import write_laps
from jobs.athlete_unknown import AthleteUnknown
from jobs.imports.activity_rows import activity_row, lap_rows, samples_of, state_of
from jobs.sync.derived_parts import write_parts
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner, derive_rows
from jobs.sync.personal_bests import recalculate, write_efforts
from jobs.sync.stored_streams import EncodedStreams, store_streams
from recordings import NotARecording, RecordedActivity, RecordingError
from recordings.limits import DEFAULT_LIMITS
from recordings.opened_file import opened
from recordings.problems import printable
from recordings.reader import read_opened
from recordings.strava_list import ListedActivity

_LONGEST_NAME = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """A line of the report.

    `file` is the name below the path that was given, `place` counts the file's activities from 0.
    """

    file: str
    outcome: ImportOutcome
    message: str
    activity_id: int | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Which of the `count` activities of a file: the one at `place`."""

    file: str
    digest: bytes
    place: int
    count: int


class Transactions(Protocol):
    """Runs the transactions of an import. A step may run several times."""

    def read(self, step: Callable[[Connection], T]) -> T: ...

    def write(self, step: Callable[[Connection], T]) -> T: ...


def _report_nowhere(_connection: Connection, _item: ImportedItem) -> None:
    pass


class FileImport:
    """The import of one athlete's files. With `is_dry_run` nothing is written.

    `report` writes a line about an activity in the transaction that writes the activity.
    """

    def __init__(
        self,
        transactions: Transactions,
        athlete_id: int,
        *,
        visibility: Visibility = Visibility.ONLY_ME,
        is_dry_run: bool = False,
        report: Callable[[Connection, ImportedItem], None] = _report_nowhere,
    ) -> None:
        self._transactions = transactions
        self._athlete_id = athlete_id
        self._visibility = visibility
        self._is_dry_run = is_dry_run
        self._report = report

    def check(self) -> None:
        """Raise AthleteUnknown unless the athlete is there."""
        self._transactions.write(self._runner)

    def take(
        self,
        file: str,
        content: "BinaryIO | RecordingError",
        listed: ListedActivity | None = None,
    ) -> Iterator[ImportedItem]:
        """Import a file, or say why it is left out. Raises DatabaseError only.

        `listed` is what the list of an export tells of it.
        """
        file = printable(file, _LONGEST_NAME)
        if isinstance(content, RecordingError):
            yield _left_out(file, content)
            return
        try:
            with opened(content, file, DEFAULT_LIMITS) as each:
                known = self._transactions.read(lambda c: self._known(c, each.sha256))
                if known and len(known) == known[0].of_file:
                    yield from self._known_items(file, known, listed)
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
            at = _Place(file, digest, place, len(read.activities))
            named = listed.applied_to(activity) if listed else activity
            yield self._take_one(at, named, problems)

    def _known_items(
        self, file: str, known: Sequence[Any], listed: ListedActivity | None
    ) -> Iterator[ImportedItem]:
        """Report on a file that was imported before; a new name in the list is taken."""
        for row in known:
            same = ImportedItem(
                file, ImportOutcome.SAME_AS, "it was imported before", row.activity_id, row.place
            )
            name = listed.name if listed else None
            yield same if name in {None, row.name} else self._rename(same, name)

    def _rename(self, same: ImportedItem, name: str | None) -> ImportedItem:
        item = replace(same, outcome=ImportOutcome.UPDATED, message=f"its name is now {name!r}")
        if self._is_dry_run:
            return item

        def write(connection: Connection) -> ImportedItem:
            self._runner(connection)
            values = {"activity": same.activity_id, "new_name": name}
            connection.execute(imported_file.rename(), values)
            self._report(connection, item)
            return item

        return self._transactions.write(write)

    def finish(self) -> None:
        """Find duplicates among all of the athlete's activities, and update personal bests."""
        if not self._is_dry_run:
            self._transactions.write(lambda c: recalculate(c, self._athlete_id))

    def _take_one(
        self, at: "_Place", activity: RecordedActivity, problems: tuple[str, ...]
    ) -> ImportedItem:
        file, place = at.file, at.place
        said = "; ".join((_summary(activity), *problems))
        if self._is_dry_run:
            return ImportedItem(file, ImportOutcome.IMPORTED, said, place=place)
        samples = samples_of(activity)
        state = state_of(activity, samples)

        def write(connection: Connection) -> ImportedItem:
            runner = self._runner(connection)
            known = {row.place: row.activity_id for row in self._known(connection, at.digest)}
            if place in known:
                same = ImportedItem(file, ImportOutcome.SAME_AS, said, known[place], place)
                self._report(connection, same)
                return same
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
            write_laps(connection, self._athlete_id, made.id, lap_rows(activity))
            connection.execute(
                imported_file.record(),
                {
                    "athlete": self._athlete_id,
                    "file_digest": at.digest,
                    "at_place": place,
                    "activity": made.id,
                    "name": file,
                    "count": at.count,
                },
            )
            item = ImportedItem(file, ImportOutcome.IMPORTED, said, made.id, place)
            self._report(connection, item)
            return item

        try:
            return self._transactions.write(write)
        except StreamError as error:
            message = f"its samples are no track: {error}"
            return ImportedItem(file, ImportOutcome.FAILED, message, place=place)

    def _runner(self, connection: Connection) -> Runner:
        row = connection.execute(athletes.lock(), {"athlete": self._athlete_id}).one_or_none()
        if row is None:
            raise AthleteUnknown(self._athlete_id)
        return Runner.from_row(row)

    def _known(self, connection: Connection, digest: bytes) -> Sequence[Any]:
        values = {"athlete": self._athlete_id, "file_digest": digest}
        return connection.execute(imported_file.find(), values).all()


def _write_derived(
    connection: Connection, activity: Any, runner: Runner, samples: Samples | None
) -> None:
    derived = derive_rows(activity, runner, samples)
    if samples is not None:
        store_streams(connection, activity.id, EncodedStreams.from_samples(samples))
    write_parts(connection, activity, samples)
    write_efforts(connection, activity.id, derived.rows)


def _left_out(file: str, error: RecordingError) -> ImportedItem:
    is_other = isinstance(error, NotARecording)
    outcome = ImportOutcome.SKIPPED if is_other else ImportOutcome.FAILED
    return ImportedItem(file, outcome, f"{error.problem} {error.remedy}".strip())


def _summary(activity: RecordedActivity) -> str:
    return (
        f"{activity.started_at:%Y-%m-%d %H:%M} UTC, {activity.sport_type or 'sport unknown'}, "
        f"{activity.distance_m / 1000:.2f} km, {len(activity.samples)} samples"
    )
