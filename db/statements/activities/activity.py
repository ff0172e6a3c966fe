"""Activities: lists, and what a sync writes."""

from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Executable,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.orm import InstrumentedAttribute, aliased

from athletics.sport import RUN_SPORT_TYPES
from db.models import (
    Activity,
    ActivitySource,
)
from db.statements.edited import unless_edited
from db.statements.new_rows import given_rows
from db.statements.ordering import Ordering
from db.statements.page import AnySelect, Collection, Columns, by_key
from db.statements.search import contains, each_contains
from db.statements.visibility import (
    Audience,
    ConditionByOwner,
    Expression,
    FilterCondition,
    Search,
    is_public,
)

# Not "athlete_id": in an UPDATE a value passed under a column's name is written to that column.
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity_id", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)

MOST_RECORDINGS = 20
"""The most recordings of one run that are listed."""
IS_RUN = Activity.sport_type == any_(array(sorted(RUN_SPORT_TYPES)))
"""Condition for activities that are runs."""

IS_TREADMILL = and_(Activity.trainer, IS_RUN)
"""Condition for runs on a treadmill."""


def since_day(day: ColumnElement[Any]) -> ColumnElement[bool]:
    """Condition for activities that start on `day` or later, by the athlete's clock."""
    return Activity.started_at_local >= day


def until_day(day: ColumnElement[Any]) -> ColumnElement[bool]:
    """Condition for activities that start on `day` or earlier, by the athlete's clock."""
    # Infinity has no day after it, but the last day that clients can send has.
    return Activity.started_at_local < day + literal_column("1", Integer)


def duplicate_for_others(of: Any = Activity) -> ColumnElement[int | None]:
    """Expression for the duplicate's original, considering only activities visible to everyone.

    If the original itself is hidden from others, the earliest of the other recordings replaces it.
    NULL for an activity that represents its run.
    """
    original, other = aliased(Activity), aliased(Activity)
    shown = select(original.id).where(
        original.id == of.duplicate_of_id,
        original.athlete_id == of.athlete_id,
        is_public(original),
    )
    first = (
        select(other.id)
        .where(
            other.duplicate_of_id == of.duplicate_of_id,
            other.athlete_id == of.athlete_id,
            is_public(other),
            tuple_(other.started_at, other.id) < tuple_(of.started_at, of.id),
        )
        .order_by(other.started_at, other.id)
        .limit(1)
    )
    stands = func.coalesce(shown.scalar_subquery(), first.scalar_subquery())
    return case((of.duplicate_of_id.is_not(None), stands))


STANDS = ConditionByOwner(
    Activity, Activity.duplicate_of_id.is_(None), duplicate_for_others().is_(None)
)
"""Condition for activities that represent their run: recorded once, or the original of several."""

ORDERINGS = {
    (name, descending): Ordering(column, Activity.id, descending=descending)
    for name, column in {
        "STARTED_AT": Activity.started_at,
        "DISTANCE": Activity.distance_m,
        "MOVING_TIME": Activity.moving_time_s,
        "ELAPSED_TIME": Activity.elapsed_time_s,
    }.items()
    for descending in (True, False)
}

_PART_OF_NAME = bindparam("name_contains", type_=Text)
_EACH_NAME = each_contains(Activity.name, _PART_OF_NAME)
_FILTERS: dict[str, FilterCondition] = {
    "started_from": Activity.started_at >= bindparam("started_from", type_=DateTime(timezone=True)),
    "started_until": Activity.started_at
    < bindparam("started_until", type_=DateTime(timezone=True)),
    "sport_types": Activity.sport_type == any_(bindparam("sport_types", type_=ARRAY(Text))),
    "min_distance_m": Activity.distance_m >= bindparam("min_distance_m", type_=Double),
    "max_distance_m": Activity.distance_m <= bindparam("max_distance_m", type_=Double),
    "name_contains": Search(contains(Activity.name, _PART_OF_NAME), _EACH_NAME),
    # One each, so that PostgreSQL knows the source when it plans: most have nearly all rows, or
    # none.
    **{f"from_{each.value}": Activity.source == each for each in ActivitySource},
    "gear": Activity.gear_id == bindparam("gear", type_=BigInteger),
    "without_duplicates": STANDS,
}

_STEADY = {"without_duplicates", *(f"from_{each.value}" for each in ActivitySource)}

ACTIVITIES = Collection(Activity, filters=_FILTERS, steady=_STEADY)
ACTIVITIES_OF_ATHLETE = Collection(
    Activity, parent=Activity.athlete_id, filters={**_FILTERS, "name_contains": _EACH_NAME}
)

# If one of these changes, the recording was cropped or replaced: fetch its streams again.
_RECORDING: tuple[InstrumentedAttribute[Any], ...] = (
    Activity.sport_type,
    Activity.started_at,
    Activity.distance_m,
    Activity.elapsed_time_s,
    Activity.manual,
)

_SYNCED: tuple[InstrumentedAttribute[Any], ...] = (
    *_RECORDING,
    Activity.started_at_local,
    Activity.timezone,
    Activity.timezone_text,
    Activity.moving_time_s,
    Activity.elevation_gain_m,
    Activity.average_heart_rate_bpm,
    Activity.max_heart_rate_bpm,
    Activity.average_cadence_rpm,
    Activity.flagged,
    Activity.trainer,
)

# Of these the athlete's edit stands.
_EDITABLE = (Activity.name, Activity.is_race, Activity.gear_id)


@cache
def upsert_from_strava() -> Executable:
    """Create or update activities by (athlete, Strava id); repeating it changes nothing.

    Those in the parameter `rows` (`new_rows.values_of`) have the columns of `_SYNCED` and
    `_EDITABLE`, `visibility`, `athlete_id`, `strava_id`, `device_name`, and `streams_state` (the
    initial state of a new recording). Returns `id`, `strava_id` and `created` of the rows that were
    created or changed.
    """
    names = [column.key for column in (*_SYNCED, *_EDITABLE)]
    names += ["visibility", "athlete_id", "strava_id", "device_name", "streams_state"]
    given = given_rows(Activity, names)
    source = literal(ActivitySource.STRAVA.value, Text)
    insertion = insert(Activity).from_select([*names, "source"], select(*given.c, source))
    new = insertion.excluded
    recording_changed = or_(*(column.is_distinct_from(new[column.key]) for column in _RECORDING))
    told: dict[InstrumentedAttribute[Any], Any]
    told = {column: new[column.key] for column in _SYNCED}
    told |= {column: unless_edited(Activity, column, new[column.key]) for column in _EDITABLE}
    # Where the athlete hides the activity, it stays hidden, and the other column follows Strava.
    is_hidden = Activity.source_visibility.is_not(None)
    told |= {
        Activity.visibility: case((is_hidden, Activity.visibility), else_=new.visibility),
        Activity.source_visibility: case((is_hidden, new.visibility)),
    }
    upsert = insertion.on_conflict_do_update(
        index_elements=[Activity.athlete_id, Activity.strava_id],
        set_={
            **{column.key: value for column, value in told.items()},
            # Not each of Strava's answers has it.
            "device_name": func.coalesce(new.device_name, Activity.device_name),
            "streams_state": case(
                (recording_changed, new.streams_state), else_=Activity.streams_state
            ),
            "streams_tries": case((recording_changed, 0), else_=Activity.streams_tries),
            "streams_retry_at": case((recording_changed, null()), else_=Activity.streams_retry_at),
            "details_at": case((recording_changed, null()), else_=Activity.details_at),
            "details_retry_at": case((recording_changed, null()), else_=Activity.details_retry_at),
            # The efforts and whether they count depend on these columns: derive them again.
            "efforts_version": null(),
            "updated_at": func.now(),
        },
        where=or_(
            *(column.is_distinct_from(value) for column, value in told.items()),
            new.device_name != Activity.device_name,
            and_(new.device_name.is_not(None), Activity.device_name.is_(None)),
        ),
    )
    # A row of before keeps its time. No system column tells: rows in partitions have none here.
    created = (Activity.created_at == func.now()).label("created")
    return upsert.returning(Activity.id, Activity.strava_id, created)


def mark_seen() -> Executable:
    """Record that a full sync found activities at Strava.

    Parameters: `athlete`, `strava_ids`, `job_id`.
    """
    return (
        update(Activity)
        .where(
            Activity.athlete_id == _ATHLETE_ID,
            Activity.strava_id == any_(bindparam("strava_ids", type_=ARRAY(BigInteger))),
        )
        .values(seen_by_job_id=_JOB_ID)
    )


def unseen() -> Executable:
    """Select an athlete's Strava activities that a full sync did not find.

    Those that none has found for longest come first. Parameters: `athlete`, `job_id`.
    """
    return (
        select(
            Activity.id,
            Activity.strava_id,
            Activity.visibility_at_source.label("visibility"),
            Activity.started_at_local,
            Activity.seen_by_job_id,
        )
        .where(
            Activity.athlete_id == _ATHLETE_ID,
            Activity.source == ActivitySource.STRAVA,
            Activity.seen_by_job_id.is_distinct_from(_JOB_ID),
        )
        .order_by(Activity.seen_by_job_id.nulls_first(), Activity.id)
    )


def start() -> Executable:
    """Select when the activity of `athlete` with the Strava id `strava_id` began, and if that `is_hidden`."""
    return select(Activity.started_at, Activity.started_at_is_hidden.label("is_hidden")).where(
        Activity.athlete_id == _ATHLETE_ID,
        Activity.strava_id == bindparam("strava_id", type_=BigInteger),
    )


def known_since() -> Executable:
    """Select those of `strava_ids` of `athlete` that are stored and began at `oldest` or later."""
    return select(Activity.strava_id).where(
        Activity.athlete_id == _ATHLETE_ID,
        Activity.strava_id == any_(bindparam("strava_ids", type_=ARRAY(BigInteger))),
        Activity.started_at >= bindparam("oldest", type_=DateTime(timezone=True)),
    )


def recordings_of_runs(
    columns: Columns, _shape: Any, audience: Audience, of: Expression | None
) -> AnySelect:
    """Select the visible recordings of runs (`Activity.run_id`), that which counts first."""
    return by_key(
        Activity,
        Activity.run_id,
        columns,
        audience,
        order_by=[
            Activity.duplicate_of_id.is_not(None),
            Activity.started_at.asc(),
            Activity.id.asc(),
        ],
        matching=lambda run: or_(Activity.id == run, Activity.duplicate_of_id == run),
        most=MOST_RECORDINGS,
        shows_some=True,
        of_one_athlete=True,
        of=of,
    )


@cache
def owner_of() -> Executable:
    """Select `athlete_id` and `run_id` of `activity_id`, and `others`: the run's other recordings."""
    other = aliased(Activity)
    of_run = or_(other.id == Activity.run_id, other.duplicate_of_id == Activity.run_id)
    is_other = and_(other.athlete_id == Activity.athlete_id, other.id != Activity.id)
    others = select(func.count()).where(of_run, is_other)
    return select(
        Activity.athlete_id,
        Activity.run_id.label("run_id"),
        others.scalar_subquery().label("others"),
    ).where(Activity.id == _ACTIVITY_ID)
