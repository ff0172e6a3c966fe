"""Best efforts: lists, derivation, counting and age grades."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Executable,
    Text,
    and_,
    any_,
    bindparam,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from db.models import Activity, BestEffort, PersonalBest
from db.statements.activities.activity import IS_RUN, since_day, until_day
from db.statements.activities.activity_deletion import keep_exclusions
from db.statements.new_rows import replace
from db.statements.ordering import Ordering
from db.statements.page import Collection, ids_first
from db.statements.privacy_zone import hides_surroundings
from db.statements.visibility import ConditionByOwner, Expression, is_public, shows_age_grades

FASTEST = Ordering(
    BestEffort.elapsed_s, BestEffort.id, descending=False, tie=BestEffort.achieved_at
)


_OF_ITS_ACTIVITY = and_(
    Activity.id == BestEffort.activity_id, Activity.athlete_id == BestEffort.athlete_id
)
"""Condition for an effort with its activity."""


def _of_run(condition: ColumnElement[bool]) -> ConditionByOwner:
    """Condition that the effort's run meets `condition`.

    It names the athlete, the effort's own, so that one index finds the runs of a few days.
    """
    of_run = exists().where(
        _OF_ITS_ACTIVITY,
        condition,
    )
    of_public = of_run.where(is_public())
    return ConditionByOwner(BestEffort, of_run, of_public)


def _of_public_runs(filters: AbstractSet[str], athlete_id: Expression) -> ColumnElement[bool]:
    """Condition for efforts of the athlete's public runs, which are found first.

    Those that count for others have an index.
    """
    if "counting" in filters:
        return true()
    run = aliased(Activity)
    ids = select(run.id).where(run.athlete_id == athlete_id, is_public(run))
    return BestEffort.activity_id == any_(ids_first(ids.correlate_except(run)))


LISTED = ConditionByOwner(
    BestEffort,
    ~BestEffort.implied | BestEffort.counts,
    ~BestEffort.implied | BestEffort.counts_for_others,
)
"""Condition for efforts in lists: all measured ones, and the implied ones that count."""

EFFORTS_OF_ATHLETE = Collection(
    BestEffort,
    parent=BestEffort.athlete_id,
    filters={
        "distance": BestEffort.distance == bindparam("distance", type_=Text),
        "day_from": _of_run(since_day(bindparam("day_from", type_=Date))),
        "day_until": _of_run(until_day(bindparam("day_until", type_=Date))),
        "counting": ConditionByOwner(BestEffort, BestEffort.counts, BestEffort.counts_for_others),
    },
    always=LISTED,
    others_among=_of_public_runs,
)

GRADE_COLUMNS = (
    "age_on_day", "age_grade_sex", "age_grade_table", "open_standard_s", "age_standard_s", "age_grade_percent",
)  # fmt: skip


def rank(*, to_others: bool = False) -> ColumnElement[int]:
    """Rank of an effort among the athlete's counting efforts over its distance; ties share one."""
    faster = aliased(BestEffort)
    ahead = select(func.count()).where(
        faster.athlete_id == BestEffort.athlete_id,
        faster.distance == BestEffort.distance,
        faster.counts_for_others if to_others else faster.counts,
        faster.elapsed_s < BestEffort.elapsed_s,
    )
    return ahead.scalar_subquery() + 1


def is_personal_best(*, to_others: bool = False) -> ColumnElement[bool]:
    """Whether the effort is a current personal best."""
    is_current = PersonalBest.is_current_for_others if to_others else PersonalBest.is_current
    return exists().where(
        PersonalBest.id == BestEffort.id,
        PersonalBest.athlete_id == BestEffort.athlete_id,
        is_current,
    )


def age_grade_to_others(model: type[BestEffort | PersonalBest]) -> ColumnElement[float | None]:
    """The age grade in percent if the athlete shares age grades, else NULL."""
    return case((shows_age_grades(model), model.age_grade_percent))


def start_offset_to_others() -> ColumnElement[float]:
    """Where in its run an effort began; 0 where that could tell of what the athlete hides."""
    return case((hides_surroundings(BestEffort.athlete_id), 0.0), else_=BestEffort.start_offset_s)


def start_distance_to_others() -> ColumnElement[float | None]:
    """Where on its way an effort began; NULL where that could tell of what the athlete hides."""
    return case((~hides_surroundings(BestEffort.athlete_id), BestEffort.start_distance_m))


def heart_rate_to_others() -> ColumnElement[float | None]:
    """The effort's heart rate; NULL where the effort may lie on a way that the athlete hides."""
    return case((~hides_surroundings(BestEffort.athlete_id), BestEffort.average_heart_rate_bpm))


_WRITTEN = (
    "athlete_id", "activity_id", "distance", "distance_m", "elapsed_s", "start_offset_s",
    "start_distance_m", "average_heart_rate_bpm", "achieved_at", "provenance", "implied",
    *GRADE_COLUMNS, "counts",
)  # fmt: skip


@cache
def write_efforts() -> Executable:
    """Make the efforts `rows`, named like the columns, those of the activities `activity_ids`.

    An exclusion by the athlete remains, and that of an effort that goes is kept for its return. A new
    effort does not count before `update_counts`.
    """
    keys, of_new = ("activity_id", "distance"), ("athlete_id", "counts")
    return replace(
        BestEffort,
        _WRITTEN,
        keys,
        of_new=of_new,
        constraint="uq_best_efforts_activity_id_distance",  # in partitions it has the athlete
        before_deletion=keep_exclusions,
    )


@cache
def update_counts(*, of_distances: bool = False, of_activities: bool = False) -> Executable:
    """Update which efforts of the parameter `athlete_ids` count, and which count for others.

    With `of_distances`, only those over the `distances`. With `of_activities`, only those of the
    `activity_ids`, which are whole runs, and the implied ones, which depend on measured ones of any
    activity. Returns the ids of those that changed.
    """
    among: list[ColumnElement[bool]] = []
    if of_distances:
        distances = any_(bindparam("distances", type_=ARRAY(Text)))
        among.append(BestEffort.distance == distances)
    if of_activities:
        activity_ids = any_(bindparam("activity_ids", type_=ARRAY(BigInteger)))
        among.append(or_(BestEffort.activity_id == activity_ids, BestEffort.implied))
    candidate = and_(~BestEffort.excluded, ~Activity.excluded, ~Activity.flagged, IS_RUN)
    counts = and_(
        candidate,
        _represents(BestEffort, Activity),
        or_(~BestEffort.implied, _is_faster_than_a_measured_one(_represents)),
    )
    counts_for_others = and_(
        candidate,
        _represents_to_others(BestEffort, Activity),
        or_(~BestEffort.implied, _is_faster_than_a_measured_one(_represents_to_others)),
    )
    of_athletes = any_(bindparam("athlete_ids", type_=ARRAY(BigInteger)))
    return (
        update(BestEffort)
        .where(
            BestEffort.athlete_id == of_athletes,
            *among,
            _OF_ITS_ACTIVITY,
            # for the index, which PostgreSQL does not conclude
            Activity.athlete_id == of_athletes,
            or_(BestEffort.counts != counts, BestEffort.counts_for_others != counts_for_others),
        )
        .values(counts=counts, counts_for_others=counts_for_others)
        .returning(BestEffort.id)
    )


@cache
def hidden_now() -> Executable:
    """Select whether an effort that counts for others belongs to a hidden one of `activity_ids`."""
    of_activities = BestEffort.activity_id == any_(
        bindparam("activity_ids", type_=ARRAY(BigInteger))
    )
    return select(
        exists().where(of_activities, BestEffort.counts_for_others, _OF_ITS_ACTIVITY, ~is_public())
    )


def _represents(effort: Any, activity: Any) -> ColumnElement[bool]:
    """Condition for efforts that represent their run over their distance.

    They are those of the activity that represents the run. Where the athlete excluded it or its
    effort, the next recording's takes its place.
    """
    return case(
        (activity.duplicate_of_id.is_not(None), ~_has_a_better_one(effort, activity)), else_=true()
    )


def _represents_to_others(effort: Any, activity: Any) -> ColumnElement[bool]:
    """As `_represents`, among the activities visible to everyone."""
    alone = case(
        (
            activity.duplicate_of_id.is_not(None),
            ~_has_a_better_one(effort, activity, public_only=True),
        ),
        else_=true(),
    )
    return and_(is_public(activity), alone)


def _has_a_better_one(
    effort: Any, activity: Any, *, public_only: bool = False
) -> ColumnElement[bool]:
    """Condition for efforts of duplicates that another recording of the run stands before.

    That is the representative, unless it or its effort over the distance is excluded. Among the
    rest it is the earliest with an effort over the distance, a measured one if there is any.
    """
    representative, other, its_effort = aliased(Activity), aliased(Activity), aliased(BestEffort)
    is_excluded = (
        exists()
        .where(
            its_effort.activity_id == representative.id,
            its_effort.athlete_id == effort.athlete_id,
            its_effort.distance == effort.distance,
            its_effort.excluded,
        )
        .correlate_except(its_effort)
    )
    represented = [
        representative.id == activity.duplicate_of_id,
        representative.athlete_id == effort.athlete_id,
        ~representative.excluded,
        ~is_excluded,
    ]
    earlier = [
        other.duplicate_of_id == activity.duplicate_of_id,
        other.athlete_id == effort.athlete_id,
        ~other.excluded,
        its_effort.activity_id == other.id,
        its_effort.athlete_id == other.athlete_id,
        its_effort.distance == effort.distance,
        ~its_effort.excluded,
        tuple_(its_effort.implied, other.started_at, other.id)
        < tuple_(effort.implied, activity.started_at, activity.id),
    ]
    if public_only:
        represented.append(is_public(representative))
        earlier.append(is_public(other))
    return or_(
        exists().where(*represented).correlate_except(representative),
        exists().where(*earlier).correlate_except(other, its_effort),
    )


def _is_faster_than_a_measured_one(
    represents: Callable[[Any, Any], ColumnElement[bool]],
) -> ColumnElement[bool]:
    """The rule of `athletics.personal_best.counting` for implied efforts, without duplicates."""
    measured, recorded = aliased(BestEffort), aliased(Activity)
    return exists().where(
        measured.athlete_id == BestEffort.athlete_id,
        measured.distance == BestEffort.distance,
        measured.elapsed_s > BestEffort.elapsed_s,
        ~measured.implied,
        ~measured.excluded,
        recorded.id == measured.activity_id,
        recorded.athlete_id == measured.athlete_id,
        ~recorded.flagged,
        ~recorded.excluded,
        represents(measured, recorded),
    )


def owner_of() -> Executable:
    """Select the athlete, the activity and the distance of the effort `effort_id`, and its run."""
    run_id = Activity.run_id.label("run_id")
    return (
        select(BestEffort.athlete_id, BestEffort.activity_id, BestEffort.distance, run_id)
        .join(Activity, _OF_ITS_ACTIVITY)
        .where(BestEffort.id == bindparam("effort_id", type_=BigInteger))
    )


def exclude() -> Executable:
    """Set whether the effort `effort_id` is excluded, to `is_excluded`.

    Returns the athlete if that is a change.
    """
    is_excluded = bindparam("is_excluded", type_=Boolean)
    return (
        update(BestEffort)
        .where(
            BestEffort.id == bindparam("effort_id", type_=BigInteger),
            BestEffort.excluded != is_excluded,
        )
        .values(excluded=is_excluded)
        .returning(BestEffort.athlete_id)
    )


@cache
def to_grade() -> Executable:
    """Select the efforts of `athlete_id`: the inputs of their age grades, and the grades.

    `is_best` tells those that are current personal bests.
    """
    return (
        select(
            BestEffort.id,
            BestEffort.activity_id,
            BestEffort.distance,
            func.coalesce(PersonalBest.is_current, false()).label("is_best"),
            BestEffort.distance_m,
            BestEffort.elapsed_s,
            Activity.started_at_local,
            *(getattr(BestEffort, name) for name in GRADE_COLUMNS),
        )
        .join(Activity, _OF_ITS_ACTIVITY)
        .outerjoin(
            PersonalBest,
            and_(
                PersonalBest.id == BestEffort.id, PersonalBest.athlete_id == BestEffort.athlete_id
            ),
        )
        .where(BestEffort.athlete_id == bindparam("athlete_id", type_=BigInteger))
    )


@cache
def set_grade() -> Executable:
    """Set the age grade of the effort `effort_id`; a trigger passes it on to the best that it set.

    The other parameters are named like the columns, with the prefix `new_`.
    """
    values = {
        name: bindparam(f"new_{name}", type_=getattr(BestEffort, name).type)
        for name in GRADE_COLUMNS
    }
    effort = bindparam("effort_id", type_=BigInteger)
    return update(BestEffort).where(BestEffort.id == effort).values(**values)
