"""Undoes the adoption in batches, except for rows that pacegraph has changed since."""

from collections import Counter

from sqlalchemy import Connection

from db.transaction_runner import TransactionRunner
from legacy.adoption import capture, ledger
from legacy.adoption.batch import Adopter
from legacy.adoption.ledger import KINDS
from legacy.adoption.removal import RemovalResult, remove


def undo(transactions: TransactionRunner, adopter: Adopter, batch_size: int) -> list[str]:
    """Delete what was adopted, and return a report. An interrupted run may be repeated."""

    def stop(connection: Connection) -> None:
        ledger.lock_adoption(connection)
        capture.drop_triggers(connection, list(adopter.tables.values()))
        ledger.reset_walks(connection)

    transactions.write(stop)
    lines = []
    stayed = 0
    for kind in reversed(KINDS):
        deleted, reasons = _undo_kind(transactions, adopter, kind, batch_size)
        lines.append(f"{kind}: {deleted} removed")
        lines += [f"  {number} left: {reason}" for reason, number in reasons.items()]
        stayed += reasons.total()
    if stayed:
        transactions.write(ledger.request_recalculation)
    else:
        transactions.write(ledger.drop)
    return lines


def _undo_kind(
    transactions: TransactionRunner, adopter: Adopter, kind: str, batch_size: int
) -> tuple[int, Counter[str]]:
    deleted, after = 0, ""
    reasons: Counter[str] = Counter()

    def some(connection: Connection) -> tuple[list[str], RemovalResult]:
        ledger.lock_adoption(connection)
        old_ids = ledger.ids_after(connection, kind, after, batch_size)
        removed = remove(connection, kind, old_ids, adopter.grants)
        ledger.reset_walks(connection)
        return old_ids, removed

    while True:
        old_ids, removed = transactions.write(some)
        if not old_ids:
            return deleted, reasons
        deleted += removed.deleted
        reasons.update(removed.stays.values())
        after = old_ids[-1]
