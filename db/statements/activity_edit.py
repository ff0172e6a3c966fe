"""What athletes change of their activities here, which syncs and imports leave alone."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Executable,
    any_,
    bindparam,
    case,
    or_,
    select,
    update,
)

from db.models import Activity, Gear, Visibility
from db.statements.activity import MOST_RECORDINGS
from db.statements.edited import with_names

FOLLOWING_SOURCE = frozenset(
    each.key for each in (Activity.name, Activity.description, Activity.is_race, Activity.gear_id)
)
"""The columns that a source tells too, so that an edit has to be remembered."""


def edit(values: dict[str, Any], *, hidden: bool | None) -> Executable:
    """Set `values` (column → value) of `changed_activity_id`, and whether it is hidden from others.

    None leaves that as it is. `updated_at` stays: it tells syncs that what they derive is outdated.
    """
    told = sorted(values.keys() & FOLLOWING_SOURCE)
    columns: dict[str, Any] = dict(values)
    if told:
        columns["edited"] = with_names(Activity.edited, told)
    if hidden is not None:
        is_hidden = Activity.source_visibility.is_not(None)
        columns["source_visibility"] = (
            case((is_hidden, Activity.source_visibility), else_=Activity.visibility)
            if hidden
            else None
        )
        columns["visibility"] = (
            Visibility.ONLY_ME.value if hidden else Activity.visibility_at_source.expression
        )
    return (
        update(Activity)
        .where(Activity.id == bindparam("changed_activity_id", type_=BigInteger))
        .values(**columns)
    )


def edited_before() -> Executable:
    """Select what an edit of `activity` may change of the bests, and `athlete_id`."""
    return select(
        Activity.athlete_id,
        Activity.excluded,
        Activity.source_visibility.is_not(None).label("hidden"),
    ).where(Activity.id == bindparam("activity", type_=BigInteger))


def others_of_run() -> Executable:
    """Select the ids of the recordings of the `run` other than `activity`."""
    run = bindparam("run", type_=BigInteger)
    return (
        select(Activity.id)
        .where(
            or_(Activity.id == run, Activity.duplicate_of_id == run),
            Activity.id != bindparam("activity", type_=BigInteger),
        )
        .order_by(Activity.started_at, Activity.id)
        .limit(MOST_RECORDINGS)
    )


def in_order() -> Executable:
    """Select the ids of `activities`, those that count for their run first."""
    return (
        select(Activity.id)
        .where(Activity.id == any_(bindparam("activities", type_=ARRAY(BigInteger))))
        .order_by(Activity.duplicate_of_id.is_not(None), Activity.started_at, Activity.id)
    )


def owns_gear() -> Executable:
    """Select the id of `gear` if it belongs to `athlete`."""
    return select(Gear.id).where(
        Gear.id == bindparam("gear", type_=BigInteger),
        Gear.athlete_id == bindparam("athlete", type_=BigInteger),
    )
