"""What changed of athletes, their activities and bests: written with each change, read by subscriptions."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Integer,
    Subquery,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from db.models import Activity, Athlete, AthleteChange, Job
from db.statements.interval import ago
from db.statements.performance.distance import meters

KEPT_S = 7 * 86_400.0
"""Seconds for which changes are kept."""
_MOST_NAMED = 200
_MOST_LISTED = 100
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)


@cache
def record() -> Executable:
    """Record changes; parameters are what `changes` makes.

    It locks the athlete until the end of the transaction, also where a writer has not done so: the
    changes of one athlete are numbered and dated in the order in which they become visible.
    """
    locked = (
        select(Athlete.id)
        .where(Athlete.id == _ATHLETE_ID)
        .with_for_update(key_share=True)
        .cte("locked_athlete")
    )
    values = {
        "athlete_id": locked.c.id,
        "job_id": bindparam("of_job", type_=BigInteger),
        "activity_ids": bindparam("changed", type_=ARRAY(BigInteger)),
        "deleted_ids": bindparam("deleted", type_=ARRAY(BigInteger)),
        "distances": bindparam("of_distances", type_=ARRAY(Text)),
        "of_athlete": bindparam("is_of_athlete", type_=Boolean),
        "is_complete": bindparam("complete", type_=Boolean),
        # not the transaction's start: it may have waited for the athlete's lock
        "changed_at": func.clock_timestamp(),
    }
    return insert(AthleteChange).from_select([*values], select(*values.values()))


def changes(
    athlete_id: int,
    job_id: int | None,
    *,
    activities: Iterable[int] = (),
    deleted: Iterable[int] = (),
    distances: Iterable[str] = (),
    of_athlete: bool = False,
) -> dict[str, Any] | None:
    """Make the parameters of `record`; None where nothing changed."""
    gone = set(deleted)
    left = sorted(set(activities) - gone)
    names = sorted(set(distances))
    if not (left or gone or names or of_athlete):
        return None
    return {
        "athlete": athlete_id,
        "of_job": job_id,
        "changed": left[:_MOST_NAMED],
        "deleted": sorted(gone)[:_MOST_NAMED],
        "of_distances": names,
        "is_of_athlete": of_athlete,
        "complete": max(len(left), len(gone)) <= _MOST_NAMED,
    }


def latest() -> Executable:
    """Select the id of the last change of `athlete`, 0 if there is none."""
    last = func.max(AthleteChange.id)
    return select(func.coalesce(last, 0)).where(AthleteChange.athlete_id == _ATHLETE_ID)


def after() -> Executable:
    """Select at most `most` changes of `athlete` with an id above `after_id`, newest first."""
    return _newest(AthleteChange.id > bindparam("after_id", type_=BigInteger))


def since() -> Executable:
    """Select at most `most` changes of `athlete` after `since`, newest first."""
    instant = bindparam("since", type_=DateTime(timezone=True))
    return _newest(AthleteChange.changed_at > instant)


def _newest(later: ColumnElement[bool]) -> Executable:
    return (
        select(*AthleteChange.__table__.columns)
        .where(AthleteChange.athlete_id == _ATHLETE_ID, later)
        .order_by(AthleteChange.id.desc())
        .limit(bindparam("most", type_=Integer))
    )


def forget() -> Executable:
    """Delete the changes of `athlete`."""
    return delete(AthleteChange).where(AthleteChange.athlete_id == _ATHLETE_ID)


def delete_old() -> Executable:
    """Delete at most `most` changes older than `kept_s` seconds."""
    old = (
        select(AthleteChange.id)
        .where(AthleteChange.changed_at < ago(bindparam("kept_s", type_=Float)))
        .limit(bindparam("most", type_=Integer))
    )
    return delete(AthleteChange).where(AthleteChange.id.in_(old))


def activities_of_job() -> ColumnElement[list[str]]:
    """The global ids of the activities that a job changed and that are there, at most 100."""
    changed = _of_job(AthleteChange.activity_ids)
    found = (
        select(Activity.id.label("number"))
        .join(changed, changed.c.value == Activity.id)
        .limit(_MOST_LISTED)
        .subquery()
    )
    return _global_ids(found)


def deleted_of_job() -> ColumnElement[list[str]]:
    """The global ids that activities had which a job deleted, at most 100."""
    gone = _of_job(AthleteChange.deleted_ids)
    return _global_ids(select(gone.c.value.label("number")).limit(_MOST_LISTED).subquery())


def distances_of_job() -> ColumnElement[list[str]]:
    """The distances with another current best that a job changed, shortest first."""
    changed = _of_job(AthleteChange.distances)
    shortest_first = aggregate_order_by(changed.c.value, meters(changed.c.value))
    return _as_array(select(func.array_agg(shortest_first, type_=ARRAY(Text))))


def _global_ids(found: Subquery) -> ColumnElement[list[str]]:
    """The global ids of activities, from their column `number`."""
    text = literal("Activity:", Text) + cast(found.c.number, Text)
    global_id = func.encode(func.convert_to(text, "UTF8"), "base64", type_=Text)
    return _as_array(select(func.array_agg(global_id, type_=ARRAY(Text))).select_from(found))


def _of_job(values: Any) -> Subquery:
    """Each of the values that the changes of a job have, once, as the column `value`."""
    value = func.unnest(values, type_=values.type.item_type).label("value")
    return select(value).distinct().where(AthleteChange.job_id == Job.id).correlate(Job).subquery()


def _as_array(found: Any) -> ColumnElement[list[str]]:
    empty = cast(literal_column("'{}'"), ARRAY(Text))
    return func.coalesce(found.scalar_subquery(), empty, type_=ARRAY(Text))
