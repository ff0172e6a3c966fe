"""Imports recordings from files into the database, some activities a transaction.

An interrupted import goes on where it stopped: what was imported before is known by its content.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, BinaryIO, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from db.models import ImportOutcome, Visibility
from db.statements.athletes import athlete as athletes
from db.statements.files import imported_file
from db.statements.new_rows import new_ids, values_of
from jobs.athlete_unknown import AthleteUnknown
from jobs.imports.activity_zone import local_time, zone_of_neighbor
from jobs.imports.known_digests import KnownDigests
from jobs.imports.new_activities import ActivityToWrite, write_new
from jobs.imports.originals import Originals
from jobs.imports.prepared_file import (
    PreparedFile,
    ReadingRules,
    gear_of,
    prepare,
)
from jobs.imports.report_line import (
    ReportLine,
    UnwrittenLine,
    as_changed,
    as_deleted_here,
    with_gear_of,
    with_known,
    with_problem,
    without_parts,
)
from jobs.sync.changes import note_changes
from jobs.sync.deleted_here import deleted_here
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner
from jobs.sync.gear import named_gear
from jobs.sync.personal_bests import recalculate, withdraw_hidden
from jobs.sync.prepared_parts import NO_PARTS
from recordings import RecordingError
from recordings.strava_list import ListedActivity

_MOST_ACTIVITIES, _MOST_LINES, _MOST_BYTES, _LONGEST_WAIT_S = 20, 200, 8 << 20, 5.0
"""What waits to be written together; the wait is from one transaction to the next."""

T = TypeVar("T")


class Transactions(Protocol):
    """Runs the transactions of an import. A step may run several times."""

    def read(self, step: Callable[[Connection], T]) -> T: ...

    def write(self, step: Callable[[Connection], T]) -> T: ...


class FileImport:
    """The import of one athlete's files. With `is_dry_run` nothing is written.

    `originals` keeps the files, None: they are not kept. `report` writes lines in the transaction
    that writes their activities. `job_id` is the job that imports them, if any.
    """

    def __init__(
        self,
        transactions: Transactions,
        athlete_id: int,
        *,
        visibility: Visibility = Visibility.ONLY_ME,
        is_dry_run: bool = False,
        originals: Originals | None = None,
        report: Callable[[Connection, Sequence[ReportLine]], None] = lambda *_: None,
        job_id: int | None = None,
    ) -> None:
        self._transactions = transactions
        self._athlete_id = athlete_id
        self._visibility = visibility
        self._is_dry_run = is_dry_run
        self._originals = originals
        self._report = report
        self._job_id = job_id
        self._pending: list[UnwrittenLine] = []
        self._written_at = monotonic()

    def rules(self) -> ReadingRules:
        """Read what the reading of files depends on. Raises AthleteUnknown."""

        def read(connection: Connection) -> ReadingRules:
            runner = self._runner(connection)
            found = connection.execute(imported_file.whole(), {"athlete": self._athlete_id})
            digests = {row.is_kept: KnownDigests(row.digests) for row in found}
            return ReadingRules(
                runner.sex,
                kept=digests.get(True, KnownDigests()),
                unkept=digests.get(False, KnownDigests()),
                keeps_originals=self._originals is not None,
                is_dry_run=self._is_dry_run,
            )

        return self._transactions.write(read)

    def take(
        self,
        file: str,
        content: "BinaryIO | RecordingError",
        listed: ListedActivity | None = None,
    ) -> Iterator[ReportLine]:
        """Read a file here, and import it. Raises as `receive`."""
        yield from self.receive(prepare(file, content, listed, self.rules()))
        yield from self.flush()

    def receive(self, file: PreparedFile, number: int = 0) -> Iterator[ReportLine]:
        """Take a file that was read; yields what was written until then. Raises DatabaseError.

        What is not written yet waits for others, or for `flush`.
        """
        for each in self._lines_of(file, number):
            if self._is_dry_run:
                yield self._transactions.read(partial(self._without_deleted, lines=[each]))[
                    0
                ].reported
                continue
            if self._has_to_follow(each):
                yield from self.flush()
            self._pending.append(each)
            if self._has_enough():
                yield from self.flush()
        yield from self.flush_sometimes()

    def flush_sometimes(self) -> Iterator[ReportLine]:
        """Write what waits, if it has waited for long."""
        if monotonic() - self._written_at >= _LONGEST_WAIT_S:
            yield from self.flush()

    def flush(self) -> Sequence[ReportLine]:
        """Write what waits. Raises DatabaseError."""
        pending, self._pending = self._pending, []
        self._written_at = monotonic()
        if not pending:
            return []
        if self._originals is not None:
            files = [each.file for each in pending if each.activity or each.reported.activity_id]
            self._originals.write_files(self._transactions, self._athlete_id, files)
        try:
            return self._transactions.write(lambda connection: self._write(connection, pending))
        except (DataError, IntegrityError) as error:
            if len(pending) > 1:
                return [reported for each in pending for reported in self._write_alone(each)]
            if pending[0].activity is not None and pending[0].activity.parts is not NO_PARTS:
                return self._write_alone(without_parts(pending[0]))
            return self._write_failure(pending[0], error)

    def finish(self) -> None:
        """Find duplicates among all of the athlete's activities, and update personal bests."""
        if not self._is_dry_run:
            self._transactions.write(lambda c: recalculate(c, self._athlete_id))

    # --- what is to be written

    def _lines_of(self, file: PreparedFile, number: int) -> Iterator[UnwrittenLine]:
        if file.is_known:
            yield from self._known_lines(file, number)
        elif file.digest is None:
            yield UnwrittenLine(
                ReportLine(file.name, file.outcome, file.message, number=number), file
            )
        for each in file.activities:
            is_last = each is file.activities[-1]
            reported = ReportLine(
                file.name, ImportOutcome.IMPORTED, each.said, None, each.place, number, is_last
            )
            if each.problem is None:
                gear = gear_of(file, each.row.get("sport_type", ""))
                yield UnwrittenLine(reported, file, each, gear=gear)
            else:
                yield UnwrittenLine(
                    replace(reported, outcome=ImportOutcome.FAILED, message=each.problem), file
                )

    def _known_lines(self, file: PreparedFile, number: int) -> Iterator[UnwrittenLine]:
        """Report on a file that was imported before; new names in the list are taken."""
        known = self._transactions.read(lambda connection: self._known(connection, [file]))
        if not known:
            message = "its activity was deleted while this import ran. Import it again."
            reported = ReportLine(file.name, ImportOutcome.SKIPPED, message, number=number)
            yield UnwrittenLine(reported, file)
        for row in known:
            reported = ReportLine(
                file.name, ImportOutcome.SAME_AS, "it was imported before", row.activity_id,
                row.place, number, is_last=row is known[-1],
            )  # fmt: skip
            line = UnwrittenLine(reported, file)
            yield as_deleted_here(line) if row.activity_id is None else as_changed(line, row)

    def _has_enough(self) -> bool:
        """Whether what waits is written now."""
        activities = sum(each.activity is not None for each in self._pending)
        files = {id(each.file): each.file.original for each in self._pending}
        waiting = sum(each.packed_bytes for each in files.values() if each)
        return (
            activities >= _MOST_ACTIVITIES
            or len(self._pending) >= _MOST_LINES
            or waiting >= _MOST_BYTES
        )

    def _has_to_follow(self, line: UnwrittenLine) -> bool:
        """Whether what waits must be there before: neighbors, or the same file."""
        if line.activity is None:
            return False
        if line.activity.zone is None:
            return True
        return any(
            each.activity is not None and each.file.digest == line.file.digest
            and each.activity.place == line.activity.place
            for each in self._pending
        )  # fmt: skip

    # --- writing

    def _write(
        self, connection: Connection, pending: Sequence[UnwrittenLine]
    ) -> Sequence[ReportLine]:
        runner = self._runner(connection)
        files = [each.file for each in pending if each.activity is not None]
        known = {(row.digest, row.place): row.activity_id for row in self._known(connection, files)}
        lines = self._without_deleted(connection, [with_known(each, known) for each in pending])
        names = [each.gear for each in lines if each.gear]
        gear = named_gear(connection, self._athlete_id, self._job_id, names)
        lines = [with_gear_of(each, gear) for each in lines]
        new = [each for each in lines if each.activity is not None]
        ids = connection.execute(new_ids(), {"count": len(new)}).scalars().all() if new else []
        made = [
            self._new_activity(connection, each, activity_id, gear)
            for each, activity_id in zip(new, ids, strict=True)
        ]
        if made:
            write_new(connection, runner, made)
        self._write_changes(connection, lines, gear)
        given = iter(ids)
        reports: Sequence[ReportLine] = [
            each.reported
            if each.activity is None
            else replace(each.reported, activity_id=next(given))
            for each in lines
        ]
        self._tell_strava_ids(connection, lines)
        reports = self._keep_originals(connection, lines, reports)
        written = (ImportOutcome.IMPORTED, ImportOutcome.UPDATED)
        changed = [*filter(None, (each.activity_id for each in reports if each.outcome in written))]
        note_changes(connection, self._athlete_id, self._job_id, activities=changed)
        withdraw_hidden(connection, self._athlete_id, self._job_id, changed)
        self._report(connection, reports)
        return reports

    def _without_deleted(
        self, connection: Connection, lines: Sequence[UnwrittenLine]
    ) -> Sequence[UnwrittenLine]:
        """Leave out what the list of an export tells of activities that the athlete deleted here."""
        listed = [each.strava_id for each in lines if each.strava_id is not None]
        if not listed:
            return lines
        gone = deleted_here(connection, self._athlete_id, listed)
        return [as_deleted_here(each) if each.strava_id in gone else each for each in lines]

    def _tell_strava_ids(self, connection: Connection, lines: Sequence[UnwrittenLine]) -> None:
        """Note which activities at Strava known files are of."""
        rows = [
            {
                "athlete_id": self._athlete_id,
                "digest": each.file.digest,
                "strava_id": each.file.listed.strava_id,
            }
            for each in lines
            if each.file.is_known and each.file.listed and each.file.listed.strava_id
        ]
        if rows:
            connection.execute(imported_file.tell_strava_ids(), {"rows": values_of(rows)})

    def _keep_originals(
        self, connection: Connection, lines: Sequence[UnwrittenLine], reports: Sequence[ReportLine]
    ) -> Sequence[ReportLine]:
        """Keep the files of which there is an activity; the lines of others say why not."""
        if self._originals is None:
            return reports
        there = [
            line.file for line, reported in zip(lines, reports, strict=True) if reported.activity_id
        ]
        problems = self._originals.keep(connection, self._athlete_id, there)
        return [
            with_problem(reported, problems.get(line.file.digest or b""))
            for line, reported in zip(lines, reports, strict=True)
        ]

    def _new_activity(
        self, connection: Connection, line: UnwrittenLine, activity_id: int, gear: Mapping[str, int]
    ) -> ActivityToWrite:
        prepared, file = line.activity, line.file
        assert prepared is not None
        started_at = prepared.row["started_at"]
        zone, clock_s = prepared.zone, None
        if zone is None:
            values = {"athlete": self._athlete_id, "at": started_at}
            neighbor = connection.execute(imported_file.nearest_zone(), values).scalar()
            clock_s = prepared.utc_offset_s
            zone = zone_of_neighbor(started_at, clock_s, neighbor)
        return ActivityToWrite(
            activity_id,
            self._athlete_id,
            prepared,
            place={
                "visibility": self._visibility.value,
                "timezone": zone,
                "started_at_local": local_time(started_at, zone, clock_s),
                "efforts_version": EFFORTS_VERSION,
                "gear_id": gear[line.gear.lower()] if line.gear else None,
            },
            file={
                "digest": file.digest,
                "place": prepared.place,
                "file_name": file.name,
                "of_file": len(file.activities),
                "strava_id": line.strava_id,
            },
        )

    def _write_changes(
        self, connection: Connection, lines: Sequence[UnwrittenLine], gear: Mapping[str, int]
    ) -> None:
        for each in lines:
            if each.reported.outcome is ImportOutcome.UPDATED:
                values = {
                    "activity": each.reported.activity_id,
                    "new_name": each.new_name,
                    "new_gear": gear[each.gear.lower()] if each.gear else None,
                }
                connection.execute(imported_file.change(), values)

    def _write_alone(self, line: UnwrittenLine) -> Sequence[ReportLine]:
        self._pending = [line]
        return self.flush()

    def _write_failure(self, line: UnwrittenLine, error: Exception) -> Sequence[ReportLine]:
        """Report on an activity that the database refuses."""
        reason = str(error).partition("\n")[0]
        reported = replace(
            line.reported, outcome=ImportOutcome.FAILED, message=f"it cannot be stored: {reason}"
        )
        failed = replace(line, reported=reported, activity=None, new_name=None, gear=None)
        return self._transactions.write(lambda connection: self._write(connection, [failed]))

    def _runner(self, connection: Connection) -> Runner:
        row = connection.execute(athletes.lock(), {"athlete": self._athlete_id}).one_or_none()
        if row is None:
            raise AthleteUnknown(self._athlete_id)
        return Runner.from_row(row)

    def _known(self, connection: Connection, files: Sequence[PreparedFile]) -> Sequence[Any]:
        digests = [each.digest for each in files]
        if not digests:
            return []
        values = {"athlete": self._athlete_id, "digests": digests}
        return connection.execute(imported_file.find(), values).all()
