"""Recordings of runs: which are of one run, and which of them counts."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Executable,
    Text,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
    update,
)

from db.models import (
    Activity,
    ActivityStreams,
    BestEffort,
    RecordingChoice,
    StreamsState,
)
from db.statements.activities.moved_samples import OF_ACTIVITY

# Not "athlete_id": in an UPDATE a value passed under a column's name is written to that column.

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity_id", type_=BigInteger)


@cache
def near() -> Executable:
    """Select the ids of all activities of `athlete` that may be of one run with those of `seeds`.

    They overlap, one after another: a stretch of time without a moment in which none was recorded.
    None where a start is hidden on their days or beside them: only the day tells of that one.
    """
    ended_at = Activity.started_at + func.make_interval(
        0, 0, 0, 0, 0, 0, func.greatest(Activity.moving_time_s, Activity.elapsed_time_s)
    )
    spans = (
        select(
            Activity.id,
            Activity.started_at,
            func.date(Activity.started_at_local).label("day"),
            Activity.started_at_is_hidden.label("is_hidden"),
            func.max(ended_at)
            .over(order_by=(Activity.started_at, Activity.id), rows=(None, -1))
            .label("others_ended_at"),
        )
        .where(Activity.athlete_id == _ATHLETE_ID)
        .cte("spans")
    )
    stretches = select(
        spans.c.id,
        spans.c.day,
        func.count()
        .filter(spans.c.started_at > spans.c.others_ended_at)
        .over(order_by=(spans.c.started_at, spans.c.id), rows=(None, 0))
        .label("stretch"),
    ).cte("stretches")
    of_seeds = select(stretches.c.stretch).where(
        stretches.c.id == any_(bindparam("seeds", type_=ARRAY(BigInteger)))
    )
    found = select(stretches).where(stretches.c.stretch.in_(of_seeds)).cte("found")
    hidden = exists().where(
        spans.c.is_hidden, spans.c.day.between(found.c.day - 1, found.c.day + 1)
    )
    return select(found.c.id).where(~select(found.c.id).where(hidden).exists())


@cache
def recordings(*, of_near: bool = False) -> Executable:
    """Select the columns that detect duplicates, for all activities of `athlete`.

    With `of_near` only for the activities `near_ids`. `measured` are the distances of the activity's
    own efforts, without the implied.
    """
    near_ids = any_(bindparam("near_ids", type_=ARRAY(BigInteger)))
    measured = (
        select(BestEffort.activity_id, func.array_agg(BestEffort.distance).label("distances"))
        .where(
            BestEffort.athlete_id == _ATHLETE_ID,
            ~BestEffort.implied,
            BestEffort.activity_id == near_ids if of_near else true(),
        )
        .group_by(BestEffort.activity_id)
        .subquery()
    )
    return (
        select(
            Activity.id,
            Activity.sport_type,
            Activity.started_at,
            Activity.started_at_local,
            Activity.started_at_is_hidden.label("started_at_is_hidden"),
            Activity.moving_time_s,
            Activity.elapsed_time_s,
            Activity.distance_m,
            (Activity.streams_state == StreamsState.STORED).label("has_streams"),
            Activity.flagged,
            Activity.duplicate_of_id,
            Activity.recording_choice,
            (
                func.num_nonnulls(
                    Activity.average_heart_rate_bpm,
                    Activity.average_cadence_rpm,
                    Activity.elevation_gain_m,
                    ActivityStreams.positions,
                )
            ).label("columns"),
            measured.c.distances.label("measured"),
        )
        .outerjoin(measured, measured.c.activity_id == Activity.id)
        .outerjoin(ActivityStreams, OF_ACTIVITY)
        .where(Activity.athlete_id == _ATHLETE_ID, Activity.id == near_ids if of_near else true())
    )


def choose() -> Executable:
    """Give `activity_id` the `new_choice`; returns its id where that changes it."""
    new_choice = bindparam("new_choice", type_=Text)
    return (
        update(Activity)
        .where(Activity.id == _ACTIVITY_ID, Activity.recording_choice != new_choice)
        .values(recording_choice=new_choice, updated_at=func.now())
        .returning(Activity.id)
    )


def undo_choice() -> Executable:
    """Take back the `old_choice` of `activity_id`, if that is its choice."""
    return (
        update(Activity)
        .where(
            Activity.id == _ACTIVITY_ID,
            Activity.recording_choice == bindparam("old_choice", type_=Text),
        )
        .values(recording_choice=RecordingChoice.BY_RULES.value, updated_at=func.now())
    )


@cache
def unchoose_others() -> Executable:
    """Take back the choice of any other recording than `activity_id` of the run `of_run`."""
    of_run = bindparam("of_run", type_=BigInteger)
    return (
        update(Activity)
        .where(
            or_(Activity.id == of_run, Activity.duplicate_of_id == of_run),
            Activity.id != _ACTIVITY_ID,
            Activity.recording_choice == RecordingChoice.CHOSEN,
        )
        .values(recording_choice=RecordingChoice.BY_RULES.value, updated_at=func.now())
    )


@cache
def set_duplicate_of() -> Executable:
    """Mark each of `activity_ids` as a duplicate of that of `original_ids` at the same place.

    Null marks it as an original. One statement: a run may have a thousand recordings.
    """
    names = ("activity_ids", "original_ids")
    lists = [bindparam(name, type_=ARRAY(BigInteger)) for name in names]
    changed = func.unnest(*lists).table_valued("id", "original_id").render_derived()
    return (
        update(Activity)
        .where(Activity.id == changed.c.id)
        .values(duplicate_of_id=changed.c.original_id)
    )
