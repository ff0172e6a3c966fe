"""The samples of activities, compressed (`db/stream_codec.py`, `db/chart_samples.py`)."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Double,
    Executable,
    FromClause,
    Integer,
    LargeBinary,
    any_,
    bindparam,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Activity, ActivityStreamLevel, ActivityStreams, MovedSamples
from db.statements.activities import effort_derivation
from db.statements.activities.moved_samples import FILE, OF_ACTIVITY, OF_STREAMS
from db.statements.jobs import job_lease
from db.statements.new_rows import PackedArray
from db.statements.page import PARENT, AnySelect, is_of_athlete_of, matches
from db.statements.privacy_zone import shown_samples
from db.statements.strava import strava_connection
from db.statements.visibility import Audience, Expression, or_to_others, owner_only, visible

_ACTIVITY_ID = bindparam("activity_id", type_=BigInteger)
_MAX_POINTS = bindparam("max_points", type_=Integer)
_SAMPLES = {
    "sample_count": bindparam("sample_count", type_=Integer),
    "samples": bindparam("samples", type_=LargeBinary),
    "positions": bindparam("positions", type_=LargeBinary),
    "marks": bindparam("marks", type_=LargeBinary),
    "duration_s": bindparam("duration_s", type_=Double),
    "is_complete": bindparam("is_complete", type_=Boolean),
}
# Not "athlete_id": an UPDATE of activities would write that column.
_OWNER_ID = bindparam("owner_id", type_=BigInteger)
_OWNER = {"activity_id": _ACTIVITY_ID, "athlete_id": _OWNER_ID}
_OF_SOME = (
    ActivityStreams.athlete_id == any_(bindparam("owner_ids", type_=ARRAY(BigInteger))),
    ActivityStreams.activity_id == any_(bindparam("activity_ids", type_=ARRAY(BigInteger))),
)
PACKED = ("samples", "positions")
"""The columns of levels whose arrays are of `db.packed_arrays`."""
_LEVEL_ALONE = ("points", *PACKED)
_LEVEL = ("activity_id", "athlete_id", *_LEVEL_ALONE)


@cache
def samples() -> Executable:
    """Select the rows of `activity_ids`: compressed samples, positions, marks, `is_complete`, `FILE`.

    They are of the athletes `owner_ids`.
    """
    return (
        select(
            ActivityStreams.activity_id,
            ActivityStreams.samples,
            ActivityStreams.positions,
            ActivityStreams.marks,
            ActivityStreams.is_complete,
            *(value.label(name) for name, value in FILE.items()),
        )
        .outerjoin(MovedSamples, OF_STREAMS)
        .where(*_OF_SOME)
    )


def chart(
    labels: Collection[str],
    audience: Audience,
    *,
    has_range: bool,
    of: Expression | None = None,
) -> AnySelect:
    """Select the smallest stored samples that have as many points as a chart asks for.

    They are those of each activity among `keys`, or of the activity `of`: the parameter
    `max_points` chooses a level, and all samples are read where no level has so many. With
    `has_range` all samples are read, without the parameter. `labels` are of `sample_count`,
    `samples`, `marks` (null for a level, whose samples hold them), `positions`, which are null
    but for the athlete and administrators, and `shown`: which of the samples the caller sees, as
    the first one and the one behind the last, in turn, joined by commas. Null: all of them. Where
    it is not, all are read; where it is none, there is no row. `samples`, `marks` and `positions`
    that are in a file are empty; the labels of `FILE` tell which one.
    """
    whole = {
        "sample_count": ActivityStreams.sample_count,
        "samples": ActivityStreams.samples,
        "marks": ActivityStreams.marks,
        "positions": ActivityStreams.positions,
    }
    found: dict[str, Expression] = dict(whole)
    seen = _seen(audience).lateral("seen")
    found["shown"] = func.array_to_string(seen.c.samples, ",")
    level = None
    if not has_range:
        level = _level(seen).lateral("level")
        found["samples"] = func.coalesce(level.c.samples, ActivityStreams.samples)
        is_whole = level.c.samples.is_(None)
        found["marks"] = case((is_whole, ActivityStreams.marks), else_=null())
        found["positions"] = case((is_whole, ActivityStreams.positions), else_=level.c.positions)
    found["positions"] = owner_only(Activity, found["positions"], audience)
    found |= FILE
    columns = [found[label].label(label) for label in labels]
    if of is None:
        columns.append(ActivityStreams.activity_id.label(PARENT))
    rows = select(*columns).select_from(ActivityStreams)
    rows = rows.join(Activity, OF_ACTIVITY).join(seen, true())
    if level is not None:
        rows = rows.outerjoin(level, true())
    if not FILE.keys().isdisjoint(labels):
        rows = rows.outerjoin(MovedSamples, OF_STREAMS)
    return rows.where(
        matches(Activity.id, of),  # the activity tells the athlete, whose samples lie together
        is_of_athlete_of(Activity, of),
        visible(Activity, audience),
        func.coalesce(func.cardinality(seen.c.samples), 1) > 0,
    )


def _seen(audience: Audience) -> AnySelect:
    everything = cast(null(), ARRAY(Integer))
    samples = or_to_others(Activity, everything, shown_samples(Activity), audience)
    # With a limit PostgreSQL computes it once.
    return select(samples.label("samples")).limit(literal_column("1")).correlate(Activity)


def _level(seen: FromClause) -> AnySelect:
    return (
        select(ActivityStreamLevel.samples, ActivityStreamLevel.positions)
        .where(
            ActivityStreamLevel.athlete_id == ActivityStreams.athlete_id,
            ActivityStreamLevel.activity_id == ActivityStreams.activity_id,
            ActivityStreamLevel.points >= _MAX_POINTS,
            seen.c.samples.is_(None),
        )
        .order_by(ActivityStreamLevel.points)
        .limit(1)
        .correlate(ActivityStreams, seen)
    )


@cache
def store() -> Executable:
    """Write the samples of one activity.

    Parameters: `activity_id`, `owner_id` (its athlete), `sample_count`, `samples`, `positions`,
    `marks`, `duration_s`, `is_complete`. Its levels are to be replaced too (`discard_levels`,
    `store_levels`).
    """
    insertion = insert(ActivityStreams).values(**_OWNER, **_SAMPLES)
    return insertion.on_conflict_do_update(
        index_elements=[ActivityStreams.athlete_id, ActivityStreams.activity_id],
        set_={name: insertion.excluded[name] for name in _SAMPLES},
    )


@cache
def store_first() -> Executable:
    """Write the samples of an activity that has none, as `store` does; returns its id.

    Returns nothing, and writes nothing, where it has some.
    """
    insertion = insert(ActivityStreams).values(**_OWNER, **_SAMPLES)
    return insertion.on_conflict_do_nothing().returning(ActivityStreams.activity_id)


@cache
def store_held() -> Executable:
    """Store the samples of an activity that has none, by one statement that is committed alone.

    It does what `job_lease.hold`, `strava_connection.keep_connected`, `effort_derivation.record`,
    `store_first` and `store_levels` do, in this order, with their parameters, but that the levels
    are without the activity and the athlete. Returns one row:
    `cancelled` is what `hold` returns, null where that is nothing. Nothing is written unless it is
    false and the athlete `is_connected`, nor where the activity `has_some` samples.
    """
    held = job_lease.holding().cte("held")
    goes_on = select(~held.c.cancel_requested).scalar_subquery()
    connected = strava_connection.keeping(only_if=goes_on).cte("connected")
    is_connected = exists().select_from(connected)
    some = exists().where(
        ActivityStreams.athlete_id == _OWNER_ID, ActivityStreams.activity_id == _ACTIVITY_ID
    )
    found = select(some.label("has_some")).cte("found")  # which is looked for once
    has_some = select(found.c.has_some).scalar_subquery()
    recording: Any = effort_derivation.record(one=True)
    recorded = recording.where(is_connected, ~has_some).cte("recorded")
    samples = insert(ActivityStreams).from_select(
        [*_OWNER, *_SAMPLES],
        select(recorded.c.id, recorded.c.athlete_id, *_SAMPLES.values()),
    )
    owner = (ActivityStreams.activity_id, ActivityStreams.athlete_id)
    stored = samples.on_conflict_do_nothing().returning(*owner).cte("stored")
    given = _given_levels(_LEVEL_ALONE)
    levels = insert(ActivityStreamLevel).from_select(
        [*_OWNER, *_LEVEL_ALONE], select(*stored.c, *given.c).join(given, true())
    )
    return select(
        select(held.c.cancel_requested).scalar_subquery().label("cancelled"),
        is_connected.label("is_connected"),
        has_some.label("has_some"),
    ).add_cte(levels.cte("levels"))


def discard_levels() -> Executable:
    """Delete the stored levels of `activity_id`, which is of the athlete `owner_id`."""
    return delete(ActivityStreamLevel).where(
        ActivityStreamLevel.athlete_id == _OWNER_ID,
        ActivityStreamLevel.activity_id == _ACTIVITY_ID,
    )


@cache
def store_levels() -> Executable:
    """Insert stored levels, of which each column is an array named `of_` and its name."""
    return insert(ActivityStreamLevel).from_select(_LEVEL, select(*_given_levels(_LEVEL).c))


def _given_levels(names: Sequence[str]) -> Any:
    types = {name: ActivityStreamLevel.__table__.c[name].type for name in names}
    arrays = [
        cast(bindparam(f"of_{name}", type_=PackedArray()), ARRAY(type_))
        if name in PACKED
        else bindparam(f"of_{name}", type_=ARRAY(type_))
        for name, type_ in types.items()
    ]
    named = (column(name, type_) for name, type_ in types.items())
    return func.unnest(*arrays).table_valued(*named).render_derived(name="given")


def values_of_owners(activities: Sequence[Any]) -> dict[str, list[int]]:
    """Make the parameters of `samples` and `discard` of activities that have `id` and `athlete_id`."""
    return {
        "owner_ids": sorted({each.athlete_id for each in activities}),
        "activity_ids": [each.id for each in activities],
    }


def discard() -> Executable:
    """Delete the samples of `activity_ids`, with their levels; they are of the athletes `owner_ids`."""
    return delete(ActivityStreams).where(*_OF_SOME)
