"""Derives activities again from their originals, as an import of today would.

Ids, choices, edits, names and gear stay. Each original is a transaction; after some of them bests
are updated and they are marked as read in one, so what is interrupted goes on there. What could not
be read is not marked: the next run tries it again.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from db.original_files import StoredOriginals
from db.statements.activities import rederivation
from db.statements.files import original
from db.transaction_runner import TransactionRunner
from jobs.imports.activity_zone import local_time
from jobs.imports.kept_file import file_of
from jobs.imports.new_activities import ActivityToWrite, efforts_of, write_derived
from jobs.imports.prepared_file import PreparedActivity, PreparedFile, ReadingRules
from jobs.imports.reading_processes import FileToRead, ReaderLost, ReadingProcesses
from jobs.imports.rules_version import RULES_VERSION
from jobs.runner_changes import lock_runner
from jobs.sync.changes import note_changes
from jobs.sync.derived_rows import EFFORTS_VERSION, Runner, effort_rows
from jobs.sync.personal_bests import recalculate, write_efforts

_AT_ONCE = 50
_KEPT = ("source", "name")
"""Columns of an imported row that the rules of reading do not decide."""


class Rederivation:
    """That of one athlete's originals. `readers` is how many processes read."""

    def __init__(
        self,
        transactions: TransactionRunner,
        originals: StoredOriginals,
        athlete_id: int,
        readers: int,
    ) -> None:
        self._transactions, self._originals = transactions, originals
        self._athlete_id, self._readers = athlete_id, readers

    def run(self) -> Iterator[tuple[str, str | None]]:
        """Derive all that older rules derived; yields names of files, and what is wrong, or None.

        Raises DatabaseError, OriginalUnreachable.
        """
        last = 0
        while ids := self._outdated(last):
            read: list[int] = []
            yield from self._derive(ids, read)
            self._transactions.write(partial(self._finish, read=read))
            last = ids[-1]

    def _outdated(self, after_id: int) -> Sequence[int]:
        values = {
            "athlete": self._athlete_id,
            "after_id": after_id,
            "rules_version": RULES_VERSION,
            "most": _AT_ONCE,
        }
        return self._transactions.read(
            lambda connection: connection.execute(rederivation.outdated(), values).scalars().all()
        )

    def _derive(self, ids: Sequence[int], read: list[int]) -> Iterator[tuple[str, str | None]]:
        """Derive those of `ids`; adds the ids of those that could be read to `read`."""
        left, names = list(ids), dict[int, str]()
        while left:
            try:
                with ReadingProcesses(self._rules(), self._readers) as readers:
                    for found in readers.read(self._files(left, names)):
                        if found is not None:
                            number, file = found
                            left.remove(number)
                            problem = self._write(file)
                            if file.digest is not None:
                                read.append(number)
                            yield file.name, problem
            except ReaderLost as error:
                left.remove(error.number)
                yield names[error.number], "reading it ended the process that read it"

    def _rules(self) -> ReadingRules:
        return self._transactions.write(
            lambda c: ReadingRules(lock_runner(c, self._athlete_id).sex)
        )

    def _files(self, ids: Sequence[int], names: dict[int, str]) -> Iterator[FileToRead]:
        """Yield the files to read; puts their names into `names`."""
        for number in tuple(ids):
            values = {"original": number}
            row = self._transactions.read(
                lambda c: c.execute(original.find(), values).one_or_none()  # noqa: B023 - called at once
            )
            file = file_of(self._originals, number, row, str(number))
            names[number] = file.name
            yield file

    def _write(self, file: PreparedFile) -> str | None:
        """Write what was derived of a file; tells what could not be."""
        if file.digest is None:
            return file.message
        return self._transactions.write(lambda connection: self._rewrite(connection, file))

    def _rewrite(self, connection: Connection, file: PreparedFile) -> str | None:
        runner = lock_runner(connection, self._athlete_id)
        values = {"athlete": self._athlete_id, "digest": file.digest}
        known = {
            row.place: row for row in connection.execute(rederivation.activities(), values).all()
        }
        problems, rewritten = [], []
        for each in file.activities:
            row = known.pop(each.place, None)
            if row is not None and each.problem is not None:
                problems.append(each.problem)
            elif row is not None:
                self._rewrite_activity(connection, runner, row, each)
                rewritten.append(row.id)
        note_changes(connection, self._athlete_id, None, activities=rewritten)
        if known:
            problems.append(f"{len(known)} of its activities are not in it by today's rules")
        return "; ".join(problems) or None

    def _rewrite_activity(
        self, connection: Connection, runner: Runner, row: Any, prepared: PreparedActivity
    ) -> None:
        clock_s = None if prepared.zone else prepared.utc_offset_s
        zone = prepared.zone or row.timezone
        place = {
            "timezone": zone,
            "started_at_local": local_time(prepared.row["started_at"], zone, clock_s),
            "efforts_version": EFFORTS_VERSION,
        }
        activity = ActivityToWrite(row.id, self._athlete_id, prepared, place, {})
        columns = {k: v for k, v in (prepared.row | place).items() if k not in _KEPT}
        values = {f"new_{name}": value for name, value in columns.items()}
        connection.execute(rederivation.rewrite(tuple(columns)), {"activity": row.id, **values})
        for statement in rederivation.forget_parts():
            connection.execute(statement, {"athlete": self._athlete_id, "activity": row.id})
        write_derived(connection, [activity])
        rows = effort_rows(activity, runner, efforts_of(prepared, runner))
        write_efforts(connection, [row.id], rows)

    def _finish(self, connection: Connection, read: Sequence[int]) -> None:
        recalculate(connection, self._athlete_id)
        values = {"originals": list(read), "rules_version": RULES_VERSION}
        connection.execute(rederivation.mark_read(), values)
