"""What athletes change of their activities here, which syncs and imports leave alone."""

from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Interval,
    any_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from db.models import Activity, Gear, Visibility
from db.statements.activities.activity import MOST_RECORDINGS
from db.statements.edited import with_names
from db.statements.page import ids_first

FOLLOWING_SOURCE = frozenset(
    each.key for each in (Activity.name, Activity.description, Activity.is_race, Activity.gear_id)
)
"""The columns that a source tells too, so that an edit has to be remembered."""


def edit(values: dict[str, Any]) -> Executable:
    """Set `values` (column → value) of `changed_activity_id`.

    `updated_at` stays: it tells syncs that what they derive is outdated.
    """
    told = sorted(values.keys() & FOLLOWING_SOURCE)
    columns: dict[str, Any] = dict(values)
    if told:
        columns["edited"] = with_names(Activity.edited, told)
    return (
        update(Activity)
        .where(Activity.id == bindparam("changed_activity_id", type_=BigInteger))
        .values(**columns)
    )


def set_hidden(*, hidden: bool) -> Executable:
    """Hide all recordings of the `run` from others, or show them; returns the ids of the changed.

    If one stayed visible, it would stand for the run.
    """
    is_hidden = Activity.source_visibility.is_not(None)
    if hidden:
        return _hide(_of_run(), ~is_hidden)
    at_source = Activity.visibility_at_source.expression
    shown = update(Activity).values(source_visibility=None, visibility=at_source)
    return shown.where(_of_run(), is_hidden).returning(Activity.id)


@cache
def hide_with_run() -> Executable:
    """Hide what became another recording of a hidden run of `athlete`; returns the ids."""
    hidden = aliased(Activity)
    run = func.coalesce(hidden.duplicate_of_id, hidden.id)
    of_athlete = bindparam("athlete", type_=BigInteger)
    runs = select(run).where(hidden.athlete_id == of_athlete, hidden.source_visibility.is_not(None))
    return _hide(
        Activity.athlete_id == of_athlete,
        Activity.source_visibility.is_(None),
        # once, and not for each activity: a whole history is looked at
        Activity.run_id.expression == any_(ids_first(runs)),
    )


@cache
def near_hidden() -> Executable:
    """Select whether one of `activity_ids`, of `athlete`, may be a recording of a hidden run.

    That began at most a day apart: where Strava hides the start, it tells the day alone.
    """
    hidden, of_athlete = aliased(Activity), aliased(Activity)
    all_hidden = select(of_athlete.id).where(
        of_athlete.athlete_id == bindparam("athlete", type_=BigInteger),
        of_athlete.source_visibility.is_not(None),
    )
    day = literal(timedelta(days=1), Interval)
    is_near = hidden.started_at.between(Activity.started_at - day, Activity.started_at + day)
    return select(
        exists().where(
            Activity.id == any_(bindparam("activity_ids", type_=ARRAY(BigInteger))),
            Activity.source_visibility.is_(None),
            hidden.id == any_(ids_first(all_hidden)),  # mostly none
            is_near,
        )
    )


def _hide(*conditions: ColumnElement[bool]) -> Executable:
    return (
        update(Activity)
        .values(source_visibility=Activity.visibility, visibility=Visibility.ONLY_ME.value)
        .where(*conditions)
        .returning(Activity.id)
    )


def _of_run() -> ColumnElement[bool]:
    run = bindparam("run", type_=BigInteger)
    return or_(Activity.id == run, Activity.duplicate_of_id == run)


def excluded_before() -> Executable:
    """Select whether `activity` is excluded."""
    return select(Activity.excluded).where(Activity.id == bindparam("activity", type_=BigInteger))


def others_of_run() -> Executable:
    """Select the ids of the recordings of the `run` but `activity`."""
    return select(Activity.id).where(
        _of_run(), Activity.id != bindparam("activity", type_=BigInteger)
    )


def in_order() -> Executable:
    """Select the ids of `activities`, those that count for their run first; at most 20."""
    return (
        select(Activity.id)
        .where(Activity.id == any_(bindparam("activities", type_=ARRAY(BigInteger))))
        .order_by(Activity.duplicate_of_id.is_not(None), Activity.started_at, Activity.id)
        .limit(MOST_RECORDINGS)
    )


def owns_gear() -> Executable:
    """Select the id of `gear` if it belongs to `athlete`."""
    return select(Gear.id).where(
        Gear.id == bindparam("gear", type_=BigInteger),
        Gear.athlete_id == bindparam("athlete", type_=BigInteger),
    )
