"""Heart rate zones by date, and the time in each.

Zones and times in them are the athlete's alone: others see no row.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Double,
    Executable,
    Integer,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    true,
)
from sqlalchemy.orm import aliased

from db.models import Activity, ActivityHeartRates, HeartRateZone
from db.statements.activities.activity import STANDS, since_day, until_day
from db.statements.page import PARENT, AnySelect, Columns, by_key, is_of_athlete_of, matches
from db.statements.visibility import Audience, Expression, for_audience, own_rows, visible

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity", type_=BigInteger)
_DAY = bindparam("on_day", type_=Date)
_BEYOND_BPM = literal_column("1000", Integer)


def below_bpm() -> ColumnElement[int | None]:
    """The lowest rate of the next zone; NULL for the highest."""
    return _next_lowest(HeartRateZone)


def _next_lowest(zone: Any) -> ColumnElement[int | None]:
    above = aliased(HeartRateZone)
    return (
        select(above.lowest_bpm)
        .where(
            above.athlete_id == zone.athlete_id,
            above.from_strava == zone.from_strava,
            above.valid_from == zone.valid_from,
            above.zone_number == zone.zone_number + 1,
        )
        .correlate(zone)
        .scalar_subquery()
    )


def _holds(zone: Any, athlete_id: Any, day: Any, *correlated: Any) -> ColumnElement[bool]:
    """Whether `zone` is one of those that hold on `day`: the athlete's own, else Strava's."""

    def newest(*, from_strava: bool) -> ColumnElement[Any]:
        other = aliased(HeartRateZone)
        return (
            select(func.max(other.valid_from))
            .where(
                other.athlete_id == athlete_id,
                other.from_strava.is_(from_strava),
                other.valid_from <= day,
            )
            .correlate(*correlated)
            .scalar_subquery()
        )

    own, stravas = newest(from_strava=False), newest(from_strava=True)
    return and_(zone.valid_from == func.coalesce(own, stravas), zone.from_strava == own.is_(None))


def zones(
    columns: Columns, audience: Audience, *, has_day: bool, of: Expression | None
) -> AnySelect:
    """Select each athlete's zones on the day `on_day`, else today, in order."""
    day: Any = _DAY if has_day else func.current_date()
    holds = _holds(HeartRateZone, HeartRateZone.athlete_id, day, HeartRateZone)
    return by_key(
        HeartRateZone,
        HeartRateZone.athlete_id,
        columns,
        audience,
        order_by=[HeartRateZone.zone_number.asc()],
        conditions=[holds],
        of=of,
    )


def _zones_of_activity() -> Any:
    """The zones of an activity's day, with the lowest rate of the next one, `below_bpm`."""
    day = cast(Activity.started_at_local, Date)
    next_lowest = func.lead(HeartRateZone.lowest_bpm).over(order_by=HeartRateZone.zone_number)
    return (
        select(HeartRateZone.zone_number, HeartRateZone.lowest_bpm, next_lowest.label("below_bpm"))
        .where(
            HeartRateZone.athlete_id == Activity.athlete_id,
            _holds(HeartRateZone, Activity.athlete_id, day, Activity),
        )
        .correlate(Activity)
        .lateral("zone")
    )


def _times(audience: Audience, *keys: Any) -> AnySelect:
    """Select zones of activities' days with the time in each, of rows that the audience owns."""
    zone = _zones_of_activity()
    # The array's places count from 1, and places beyond its ends are none.
    first = zone.c.lowest_bpm - ActivityHeartRates.lowest_bpm + 1
    last = func.coalesce(zone.c.below_bpm, _BEYOND_BPM) - ActivityHeartRates.lowest_bpm
    rate = func.unnest(ActivityHeartRates.seconds[first:last], type_=Double).column_valued("rate")
    seconds = (
        select(func.coalesce(func.sum(rate), 0.0))
        .correlate(ActivityHeartRates, zone)
        .scalar_subquery()
    )
    statement: AnySelect = (
        select(*keys, zone.c.zone_number.label("number"), seconds.label("seconds"))
        .select_from(Activity)
        .join(
            ActivityHeartRates,
            and_(
                ActivityHeartRates.activity_id == Activity.id,
                ActivityHeartRates.athlete_id == Activity.athlete_id,
            ),
        )
        .join(zone, true())
        .where(
            visible(Activity, audience),
            true() if audience is Audience.ADMIN else own_rows(Activity),
        )
    )
    return statement


def time_of_activities(audience: Audience, *, of: Expression | None = None) -> AnySelect:
    """Sum up the time in each zone of the athlete's on the day of each activity, in order."""
    return (
        _times(audience, Activity.id.label(PARENT))
        .where(matches(Activity.id, of), is_of_athlete_of(Activity, of))
        .order_by(literal_column("number"))
    )


def time_of_athletes(
    audience: Audience, *, has_from: bool, has_until: bool, of: Expression | None = None
) -> AnySelect:
    """Sum up the time in each zone over athletes' runs, each once, by the zones of each day.

    Parameters: `day_from` and `day_until` (inclusive) if given.
    """
    times = _times(audience, Activity.athlete_id.label(PARENT)).where(
        matches(Activity.athlete_id, of), for_audience(STANDS, audience)
    )
    if has_from:
        times = times.where(since_day(bindparam("day_from", type_=Date)))
    if has_until:
        times = times.where(until_day(bindparam("day_until", type_=Date)))
    each = times.subquery("times")
    parent = each.c[PARENT]
    statement: AnySelect = (
        select(parent, each.c.number, func.sum(each.c.seconds).label("seconds"))
        .group_by(parent, each.c.number)
        .order_by(literal_column("number"))
    )
    return statement


def discard_zones() -> Executable:
    """Delete the zones of `athlete` from the day `day`, Strava's with `of_strava`."""
    return delete(HeartRateZone).where(
        HeartRateZone.athlete_id == _ATHLETE_ID,
        HeartRateZone.from_strava == bindparam("of_strava", type_=Boolean),
        HeartRateZone.valid_from == bindparam("day", type_=Date),
    )


def add_zones() -> Executable:
    """Write zones; parameters are named like the columns."""
    return insert(HeartRateZone)


def newest_of_strava() -> Executable:
    """Select `valid_from` and `lowest_bpm` of the newest of Strava's zones of `athlete`, in order."""
    mine = (HeartRateZone.athlete_id == _ATHLETE_ID, HeartRateZone.from_strava)
    newest = select(func.max(HeartRateZone.valid_from)).where(*mine).scalar_subquery()
    return (
        select(HeartRateZone.valid_from, HeartRateZone.lowest_bpm)
        .where(*mine, HeartRateZone.valid_from == newest)
        .order_by(HeartRateZone.zone_number)
    )
