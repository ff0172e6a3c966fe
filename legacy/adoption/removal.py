"""Deletes adopted rows that the older service deleted, or all of them when undoing.

Rows that pacegraph or their athletes changed since, and athletes that have used pacegraph, stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from legacy.adoption import ledger
from legacy.adoption.joined_rows import recheck_joined
from legacy.adoption.ledger import AdoptedRow
from legacy.adoption.new_row import NEW_TABLES, CurrentRow
from legacy.adoption.strava_grant import StravaGrants, is_untouched

CHANGED = "pacegraph has changed it since, so it stays"
EDITED = "its athlete has edited it here, so it stays"
USED = (
    "the athlete has signed in to pacegraph, or has data here that is pacegraph's own, so it stays"
)

_USED = text(
    """
    SELECT a.id FROM public.athletes a WHERE a.id = ANY(:ids) AND (
        EXISTS (SELECT FROM public.activities WHERE athlete_id = a.id)
        OR EXISTS (SELECT FROM public.accounts c WHERE c.athlete_id = a.id AND (
            c.last_signed_in_at IS NOT NULL OR c.is_admin
            OR EXISTS (SELECT FROM public.api_tokens WHERE account_id = c.id)
            OR EXISTS (SELECT FROM public.browser_sessions WHERE account_id = c.id))))
    """
)


@dataclass(slots=True)
class RemovalResult:
    """The result of a removal: old ids that have no row any more, and reasons why others stay."""

    gone: list[str] = field(default_factory=list)
    stays: dict[str, str] = field(default_factory=dict)
    deleted: int = 0


def remove(
    connection: Connection, kind: str, old_ids: Sequence[str], grants: StravaGrants
) -> RemovalResult:
    """Delete the rows that the adoption inserted for `old_ids`, and their records."""
    table = NEW_TABLES[kind]
    known = ledger.known(connection, kind, old_ids)
    made = [each for each in known.values() if not each.joined]
    current = table.current(connection, [each.new_id for each in made], lock=True)
    used = _used(connection, grants, made) if kind == "athlete" else {}
    removed = RemovalResult()
    doomed = []
    for each in made:
        there = current.get(each.new_id)
        if there is None:
            continue
        if reason := _reason_to_stay(kind, each, there) or used.get(each.new_id):
            removed.stays[each.old_id] = reason
        else:
            doomed.append(each)
    removed.deleted = table.delete(connection, [each.new_id for each in doomed])
    _release_joined(connection, kind, doomed)
    removed.gone = [old_id for old_id in known if old_id not in removed.stays]
    ledger.forget(connection, kind, removed.gone)
    return removed


def _reason_to_stay(kind: str, known: AdoptedRow, there: CurrentRow) -> str | None:
    if there.is_edited:
        return EDITED
    is_changed = NEW_TABLES[kind].has_updated_at and there.changed_at != known.written_at
    return CHANGED if is_changed else None


def _used(
    connection: Connection, grants: StravaGrants, made: Sequence[AdoptedRow]
) -> dict[int, str]:
    ids = [each.new_id for each in made]
    used = set(connection.execute(_USED, {"ids": ids}).scalars())
    connections = grants.current(connection, ids)
    for each in made:
        there, written = connections.get(each.new_id), (each.written or {}).get("connection")
        if there is not None and (written is None or not is_untouched(there, written)):
            used.add(each.new_id)
    return dict.fromkeys(used, USED)


def _release_joined(connection: Connection, kind: str, doomed: Sequence[AdoptedRow]) -> None:
    """Schedule and forget the old rows that joined a deleted one."""
    new_ids = [each.new_id for each in doomed]
    recheck_joined(connection, kind, new_ids)
    others = text("SELECT old_id FROM legacy.ids WHERE kind = :kind AND new_id = ANY(:new_ids)")
    ledger.forget(
        connection,
        kind,
        list(connection.execute(others, {"kind": kind, "new_ids": new_ids}).scalars()),
    )
