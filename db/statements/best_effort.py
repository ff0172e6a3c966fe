"""Best efforts: lists, and what derives and regrades them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Executable,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from db.models import Activity, Base, BestEffort, PersonalBest, Visibility
from db.statements.activity import IS_RUN, duplicate_for_others
from db.statements.page import Collection, Ordering
from db.statements.visibility import Split, shows_age_grades

FASTEST = Ordering(BestEffort.elapsed_s, BestEffort.id, descending=False)

_LOCAL_DAY = cast(
    select(Activity.started_at_local).where(Activity.id == BestEffort.activity_id).scalar_subquery(), Date
)

LISTED = Split(BestEffort, ~BestEffort.implied | BestEffort.counts, ~BestEffort.implied | BestEffort.counts_for_others)
"""Condition for efforts that lists show: those measured, and the implied ones that had to count."""

EFFORTS_OF_ATHLETE = Collection(
    BestEffort,
    parent=BestEffort.athlete_id,
    filters={
        "distance": BestEffort.distance == bindparam("distance", type_=Text),
        "day_from": bindparam("day_from", type_=Date) <= _LOCAL_DAY,
        "day_until": bindparam("day_until", type_=Date) >= _LOCAL_DAY,
        "counting": Split(BestEffort, BestEffort.counts, BestEffort.counts_for_others),
    },
    always=LISTED,
)

GRADE_COLUMNS = (
    "age_on_day", "age_grade_sex", "age_grade_table", "open_standard_s", "age_standard_s", "age_grade_percent",
)  # fmt: skip


def rank(*, to_others: bool = False) -> ColumnElement[int]:
    """Place of an effort among the athlete's counting efforts over its distance, from 1; equal times share a place."""
    faster = aliased(BestEffort)
    ahead = select(func.count()).where(
        faster.athlete_id == BestEffort.athlete_id,
        faster.distance == BestEffort.distance,
        faster.counts_for_others if to_others else faster.counts,
        faster.elapsed_s < BestEffort.elapsed_s,
    )
    return ahead.scalar_subquery() + 1


def is_personal_best(*, to_others: bool = False) -> ColumnElement[bool]:
    """Whether nobody — no other effort of the athlete over its distance — is faster: it is a current personal best."""
    is_current = PersonalBest.is_current_for_others if to_others else PersonalBest.is_current
    return exists().where(PersonalBest.id == BestEffort.id, is_current)


def age_grade_to_others(model: type[Base]) -> ColumnElement[float | None]:
    """Percent of a row's age grade where the athlete agreed that others see it, else NULL."""
    return case((shows_age_grades(model), BestEffort.age_grade_percent))


_WRITTEN = (
    "distance_m", "elapsed_s", "start_offset_s", "achieved_at", "provenance", "implied", *GRADE_COLUMNS,
)  # fmt: skip


def write_efforts() -> Executable:
    """Write efforts by (activity, distance), many at once; parameters are named as the columns.

    An exclusion the athlete made stays, and whether an effort counts is `recount`'s to say: a new one does not yet.
    """
    insertion = insert(BestEffort).values(counts=False)
    new = insertion.excluded
    return insertion.on_conflict_do_update(
        index_elements=[BestEffort.activity_id, BestEffort.distance],
        set_={name: new[name] for name in _WRITTEN},
        where=or_(*(getattr(BestEffort, name).is_distinct_from(new[name]) for name in _WRITTEN)),
    )


def drop_other_efforts() -> Executable:
    """Delete the efforts of the parameter `activity_id` over any distance but those of `kept_distances`."""
    kept = bindparam("kept_distances", type_=ARRAY(Text))
    return delete(BestEffort).where(
        BestEffort.activity_id == bindparam("activity_id", type_=BigInteger), BestEffort.distance != all_(kept)
    )


def recount() -> Executable:
    """Set anew which efforts of the parameter `athlete` count, and which count for others."""
    candidate = and_(~BestEffort.excluded, ~Activity.flagged, IS_RUN)
    counts = and_(
        candidate,
        Activity.duplicate_of_id.is_(None),
        or_(~BestEffort.implied, _is_faster_than_a_measured_one(lambda recorded: recorded.duplicate_of_id.is_(None))),
    )
    counts_for_others = and_(
        candidate,
        _stands_for_others(Activity),
        or_(~BestEffort.implied, _is_faster_than_a_measured_one(_stands_for_others)),
    )
    return (
        update(BestEffort)
        .where(
            BestEffort.athlete_id == bindparam("athlete", type_=BigInteger),
            Activity.id == BestEffort.activity_id,
            or_(BestEffort.counts != counts, BestEffort.counts_for_others != counts_for_others),
        )
        .values(counts=counts, counts_for_others=counts_for_others)
    )


def hidden_now() -> Executable:
    """Select whether an effort of one of the parameter `activity_ids` counts for others, from whom it is hidden."""
    of_activities = BestEffort.activity_id == any_(bindparam("activity_ids", type_=ARRAY(BigInteger)))
    is_hidden = (Activity.id == BestEffort.activity_id) & (Activity.visibility != Visibility.EVERYONE)
    return select(exists().where(of_activities, BestEffort.counts_for_others, is_hidden))


def _stands_for_others(activity: Any) -> ColumnElement[bool]:
    """Condition for activities visible to everyone that stand for their run among those."""
    return and_(activity.visibility == Visibility.EVERYONE, duplicate_for_others(activity).is_(None))


def _is_faster_than_a_measured_one(stands: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """The rule of `athletics.personal_best.counting` for an implied effort, among those of activities that `stands`."""
    measured, recorded = aliased(BestEffort), aliased(Activity)
    return exists().where(
        measured.athlete_id == BestEffort.athlete_id,
        measured.distance == BestEffort.distance,
        measured.elapsed_s > BestEffort.elapsed_s,
        ~measured.implied,
        ~measured.excluded,
        recorded.id == measured.activity_id,
        ~recorded.flagged,
        stands(recorded),
    )


def athlete_of() -> Executable:
    """Select whose the parameter `effort_id` is."""
    return select(BestEffort.athlete_id).where(BestEffort.id == bindparam("effort_id", type_=BigInteger))


def exclude() -> Executable:
    """Set whether the parameter `effort_id` is excluded: `is_excluded`."""
    return (
        update(BestEffort)
        .where(BestEffort.id == bindparam("effort_id", type_=BigInteger))
        .values(excluded=bindparam("is_excluded"))
        .returning(BestEffort.athlete_id)
    )


def to_grade() -> Executable:
    """Select what an age grade needs of each effort of the parameter `athlete_id`, and the grade it has."""
    return (
        select(
            BestEffort.id,
            BestEffort.distance_m,
            BestEffort.elapsed_s,
            Activity.started_at_local,
            *(getattr(BestEffort, name) for name in GRADE_COLUMNS),
        )
        .join(Activity, Activity.id == BestEffort.activity_id)
        .where(BestEffort.athlete_id == bindparam("athlete_id", type_=BigInteger))
    )


def set_grade() -> Executable:
    """Set the age grade of the parameter `effort_id`; the other parameters are named as the columns, `new_` before."""
    values = {name: bindparam(f"new_{name}", type_=getattr(BestEffort, name).type) for name in GRADE_COLUMNS}
    return update(BestEffort).where(BestEffort.id == bindparam("effort_id", type_=BigInteger)).values(**values)
