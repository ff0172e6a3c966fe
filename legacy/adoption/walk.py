"""The order of an adoption: create triggers, copy every table by primary key, then apply changes.

Each batch is one transaction with its checkpoint, so an interrupted run resumes after the last
whole batch.
"""

import logging
import time
from functools import partial

from sqlalchemy import Connection

from db.transaction_runner import TransactionRunner
from legacy.adoption import capture, ledger
from legacy.adoption.batch import Adopter, RowCounts
from legacy.adoption.ledger import KINDS
from legacy.adoption.old_table import OldTable
from runtime.errors import PacegraphError

_ROUNDS = 20
_ENDLESS = (
    f"changed rows led to further rows {_ROUNDS} times, and more are left; nothing is finished: "
    "`pacegraph adopt --verify` tells which rows differ"
)

logger = logging.getLogger(__name__)


class NotFinished(PacegraphError):
    """`--finish` changed nothing. The message says why."""


class TableWalk:
    """Copies the old tables, and applies what the older service writes."""

    def __init__(self, transactions: TransactionRunner, adopter: Adopter, batch_size: int) -> None:
        self._transactions = transactions
        self._adopter = adopter
        self._batch_size = batch_size

    def run(self, *, rescan: bool = False) -> None:
        """Copy what is not copied yet, then apply the changes. `rescan` reads every row again."""
        self._transactions.write(ledger.prepare)
        self._create_triggers(rescan=rescan)
        self._transactions.write(ledger.retry_kept_aside)
        for kind in KINDS:
            self._copy(kind)
        self.carry_over()

    def carry_over(self) -> None:
        """Apply what the older service wrote until now. It may keep writing."""
        started, done = time.monotonic(), 0
        # Applying a change may schedule further rows, for the next round. Changes that arrive as
        # fast as they are applied are left to the next run, or to `finish`.
        for _ in range(_ROUNDS):
            newest = self._transactions.read(ledger.newest_change)
            if not newest:
                return
            taken = self._batch_size
            while taken:
                taken, counts = self._transactions.write(
                    partial(self._carry_over_some, newest=newest)
                )
                done += taken
                if taken:
                    _report("changes", done, None, started, counts)

    def finish(self) -> None:
        """Lock the old tables, apply the last changes and drop the triggers."""
        watched = [self._adopter.tables[kind] for kind in sorted(self._adopter.tables)]

        def last(connection: Connection) -> None:
            ledger.lock_adoption(connection)
            capture.lock_tables(connection, watched)
            self._carry_over_all(connection)
            capture.drop_triggers(connection, watched)
            ledger.finish(connection)

        self._transactions.write(last)
        logger.info("the adoption is finished: later writes of the older service are not adopted")

    def _create_triggers(self, *, rescan: bool) -> None:
        """Create the triggers. If one was missing after a walk began, all walks start again."""
        for table in self._adopter.tables.values():
            self._transactions.write(partial(self._create_triggers_of, table=table))
        if rescan and self._transactions.read(_any_has_begun):
            self._transactions.write(ledger.restart_walks)

    def _create_triggers_of(self, connection: Connection, table: OldTable) -> None:
        # One transaction: a crash in between would leave a trigger that seems to be an old one.
        if capture.create_triggers(connection, table, self._adopter.mapper) and _any_has_begun(
            connection
        ):
            ledger.restart_walks(connection)

    def _copy(self, kind: str) -> None:
        table = self._adopter.tables.get(kind)
        if table is None:
            self._transactions.write(
                lambda connection: ledger.advance(connection, kind, None, 0, complete=True)
            )
            return
        total = self._transactions.read(table.count)
        started, done, complete = time.monotonic(), 0, False
        while not complete:
            rows, counts, complete = self._transactions.write(
                lambda connection: self._copy_some(connection, table, kind)
            )
            done += rows
            if rows:
                _report(kind, done, total, started, counts)

    def _copy_some(
        self, connection: Connection, table: OldTable, kind: str
    ) -> tuple[int, RowCounts, bool]:
        ledger.lock_adoption(connection)
        progress = ledger.progress(connection, kind)
        if progress.complete:
            return 0, RowCounts(), True
        rows = table.after(connection, progress.after_key, self._batch_size)
        counts = self._adopter.adopt(connection, kind, rows) if rows else RowCounts()
        complete = len(rows) < self._batch_size
        after_key = rows[-1].old_id if rows else None
        ledger.advance(connection, kind, after_key, len(rows), complete=complete)
        return len(rows), counts, complete

    def _carry_over_all(self, connection: Connection) -> None:
        for _ in range(_ROUNDS):
            newest = ledger.newest_change(connection)
            if not newest:
                return
            while self._carry_over_some(connection, newest=newest)[0]:
                pass
        raise NotFinished(_ENDLESS)

    def _carry_over_some(self, connection: Connection, *, newest: int) -> tuple[int, RowCounts]:
        """Apply a batch of changes up to `newest`. Returns how many, and the rows written.

        Existing rows come first, parents before children; deleted rows follow in reverse order.
        """
        ledger.lock_adoption(connection)
        changes = ledger.take_changes(connection, newest, self._batch_size)
        counts = RowCounts()
        changed = {
            kind: list({old_id for source, old_id in changes if source == kind and old_id})
            for kind in KINDS
        }
        for kind in KINDS:
            if (kind, None) in changes:
                ledger.record_all_changed(connection, kind)
            if changed[kind]:
                _add(counts, self._adopter.carry_over(connection, kind, changed[kind]))
        for kind in reversed(KINDS):
            if changed[kind]:
                _add(counts, self._adopter.delete_missing(connection, kind, changed[kind]))
        return len(changes), counts


def _any_has_begun(connection: Connection) -> bool:
    return any(ledger.has_begun(connection, kind) for kind in KINDS)


def _add(counts: RowCounts, more: RowCounts) -> None:
    counts.written += more.written
    counts.kept_aside += more.kept_aside
    counts.deleted += more.deleted


def _report(source: str, done: int, total: int | None, started: float, counts: RowCounts) -> None:
    rows_per_s = done / max(time.monotonic() - started, 1e-6)
    logger.info(
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
