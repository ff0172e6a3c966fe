"""Undoing the adoption: what came from it alone goes, in batches; what pacegraph changed since stays, and is told."""

from collections import Counter

from sqlalchemy import Connection

from legacy.adoption import bookkeeping, capture
from legacy.adoption.adopting import Adopter
from legacy.adoption.bookkeeping import KINDS
from legacy.adoption.removing import Removed, remove
from legacy.adoption.steps import Steps

__all__ = ["undo"]


def undo(steps: Steps, adopter: Adopter, batch_size: int) -> list[str]:
    """Remove what was adopted; returns the lines of a report. Repeating it goes on where it was interrupted."""

    def stop(connection: Connection) -> None:
        bookkeeping.take_turn(connection)
        capture.stop_noting(connection, list(adopter.tables.values()))
        bookkeeping.forget_walks(connection)

    steps.take(stop)
    lines = []
    stayed = 0
    for kind in reversed(KINDS):
        deleted, reasons = _undo_kind(steps, adopter, kind, batch_size)
        lines.append(f"{kind}: {deleted} removed")
        lines += [f"  {number} left: {reason}" for reason, number in reasons.items()]
        stayed += reasons.total()
    if stayed:
        steps.take(bookkeeping.want_recalculation)
    else:
        steps.take(bookkeeping.drop)
    return lines


def _undo_kind(steps: Steps, adopter: Adopter, kind: str, batch_size: int) -> tuple[int, Counter[str]]:
    deleted, after = 0, ""
    reasons: Counter[str] = Counter()

    def some(connection: Connection) -> tuple[list[str], Removed]:
        bookkeeping.take_turn(connection)
        old_ids = bookkeeping.ids_after(connection, kind, after, batch_size)
        removed = remove(connection, kind, old_ids, adopter.grants)
        bookkeeping.forget_walks(connection)
        return old_ids, removed

    while True:
        old_ids, removed = steps.take(some)
        if not old_ids:
            return deleted, reasons
        deleted += removed.deleted
        reasons.update(removed.stays.values())
        after = old_ids[-1]
