"""The adoption as a whole: triggers first, then every table once by its primary key, then what changed meanwhile.

Each batch is one transaction with its checkpoint: a process that dies leaves whole batches, and the next goes on there.
"""

import logging
import time
from functools import partial

from sqlalchemy import Connection

from db.errors import PacegraphError
from legacy.adoption import bookkeeping, capture
from legacy.adoption.adopting import Adopter, Counts
from legacy.adoption.bookkeeping import KINDS
from legacy.adoption.old_table import OldTable
from legacy.adoption.steps import Steps

__all__ = ["Copy", "NotFinished"]

_ROUNDS = 20
_ENDLESS = (
    f"{_ROUNDS} times, what was carried over had other rows looked at again, and more are left; nothing is finished: "
    "`pacegraph adopt --verify` tells which rows differ"
)

_log = logging.getLogger(__name__)


class NotFinished(PacegraphError):  # noqa: N818
    """`--finish` left everything as it was; the message says why."""


class Copy:
    """Copies, and carries over what the old service writes."""

    def __init__(self, steps: Steps, adopter: Adopter, batch_size: int) -> None:
        self._steps = steps
        self._adopter = adopter
        self._batch_size = batch_size

    def run(self, *, rescan: bool = False) -> None:
        """Copy what is not copied yet, and carry over until nothing is left or the old service writes as fast."""
        self._steps.take(bookkeeping.prepare)
        self._note_changes(rescan=rescan)
        self._steps.take(bookkeeping.retry_kept_aside)
        for kind in KINDS:
            self._copy(kind)
        self.carry_over()

    def carry_over(self) -> None:
        """Bring in step what the old service wrote until now; it may go on writing, as fast as it likes."""
        started, done = time.monotonic(), 0
        # What is carried over may have other rows looked at again, in the next round. What the old service writes as
        # fast as it is carried over is left to the next run, or to `finish`.
        for _ in range(_ROUNDS):
            newest = self._steps.take(bookkeeping.newest_change)
            if not newest:
                return
            taken = self._batch_size
            while taken:
                taken, counts = self._steps.take(partial(self._carry_over_some, newest=newest))
                done += taken
                if taken:
                    _report("changes", done, None, started, counts)

    def finish(self) -> None:
        """Carry over the last changes while nobody writes to the old tables, and note no more."""
        watched = [self._adopter.tables[kind] for kind in sorted(self._adopter.tables)]

        def last(connection: Connection) -> None:
            bookkeeping.take_turn(connection)
            capture.hold(connection, watched)
            self._carry_over_all(connection)
            capture.stop_noting(connection, watched)
            bookkeeping.finish(connection)

        self._steps.take(last)
        _log.info("the adoption is finished: what the old service writes from now on is not carried over")

    def _note_changes(self, *, rescan: bool) -> None:
        """See to the triggers; where one was missing after a walk had begun, everything is walked again."""
        for table in self._adopter.tables.values():
            self._steps.take(partial(self._note_changes_of, table=table))
        if rescan and self._steps.take(_any_has_begun):
            self._steps.take(bookkeeping.start_again)

    def _note_changes_of(self, connection: Connection, table: OldTable) -> None:
        # In one transaction: who died in between would leave a trigger that looks as if it had been there all the time.
        if capture.note_changes(connection, table, self._adopter.mapper) and _any_has_begun(connection):
            bookkeeping.start_again(connection)

    def _copy(self, kind: str) -> None:
        table = self._adopter.tables.get(kind)
        if table is None:
            self._steps.take(lambda connection: bookkeeping.advance(connection, kind, None, 0, complete=True))
            return
        total = self._steps.take(table.count)
        started, done, complete = time.monotonic(), 0, False
        while not complete:
            rows, counts, complete = self._steps.take(lambda connection: self._copy_some(connection, table, kind))
            done += rows
            if rows:
                _report(kind, done, total, started, counts)

    def _copy_some(self, connection: Connection, table: OldTable, kind: str) -> tuple[int, Counts, bool]:
        bookkeeping.take_turn(connection)
        progress = bookkeeping.progress(connection, kind)
        if progress.complete:
            return 0, Counts(), True
        rows = table.after(connection, progress.after_key, self._batch_size)
        counts = self._adopter.adopt(connection, kind, rows) if rows else Counts()
        complete = len(rows) < self._batch_size
        after_key = rows[-1].old_id if rows else None
        bookkeeping.advance(connection, kind, after_key, len(rows), complete=complete)
        return len(rows), counts, complete

    def _carry_over_all(self, connection: Connection) -> None:
        for _ in range(_ROUNDS):
            newest = bookkeeping.newest_change(connection)
            if not newest:
                return
            while self._carry_over_some(connection, newest=newest)[0]:
                pass
        raise NotFinished(_ENDLESS)

    def _carry_over_some(self, connection: Connection, *, newest: int) -> tuple[int, Counts]:
        """Take a batch of changes up to `newest`: first who and what there is, in the order in which one refers to
        the other, then what is gone, the other way round.
        """
        bookkeeping.take_turn(connection)
        changes = bookkeeping.take_changes(connection, newest, self._batch_size)
        counts = Counts()
        changed = {kind: list({old_id for source, old_id in changes if source == kind and old_id}) for kind in KINDS}
        for kind in KINDS:
            if (kind, None) in changes:
                bookkeeping.note_all_changed(connection, kind)
            if changed[kind]:
                _add(counts, self._adopter.carry_over(connection, kind, changed[kind]))
        for kind in reversed(KINDS):
            if changed[kind]:
                _add(counts, self._adopter.let_go(connection, kind, changed[kind]))
        return len(changes), counts


def _any_has_begun(connection: Connection) -> bool:
    return any(bookkeeping.has_begun(connection, kind) for kind in KINDS)


def _add(counts: Counts, more: Counts) -> None:
    counts.written += more.written
    counts.kept_aside += more.kept_aside
    counts.deleted += more.deleted


def _report(source: str, done: int, total: int | None, started: float, counts: Counts) -> None:
    rows_per_s = done / max(time.monotonic() - started, 1e-6)
    _log.info(
        "a batch is adopted",
        extra={
            "source": source,
            "done": done,
            "total": total,
            "rows_per_s": round(rows_per_s),
            "written": counts.written,
            "kept_aside": counts.kept_aside,
            "deleted": counts.deleted,
        },
    )
