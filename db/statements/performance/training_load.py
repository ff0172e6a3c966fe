"""Training load of athletes by day, as `athletics/training_load.py` says.

It is the athlete's alone: others see no row.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Double,
    Integer,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.orm import aliased

from athletics import training_load as rules
from athletics.age_grade_table import Sex
from db.models import Activity, ActivityHeartRates, Athlete
from db.statements.activities.activity import IS_RUN, STANDS, since_day, until_day
from db.statements.number import number
from db.statements.page import PARENT, AnySelect, matches
from db.statements.visibility import Audience, Expression, for_audience, own_rows

_DAYS = bindparam("days", type_=Integer)
_PER_MINUTE = number(60)


def load_days(audience: Audience, *, has_until: bool, of: Expression | None = None) -> AnySelect:
    """Select each athlete's last `days` days up to `until`, or today (UTC), oldest first.

    The athletes are `keys`, or `of`; of those whose heart rate reserve or sex is not known there is
    no row. Columns: `day`, `load`, `fitness`, `fatigue`, `form`, `run_count` and
    `runs_without_heart_rate`. Older runs count as far as HISTORY_DAYS before the first day.
    """
    last: Any = bindparam("until", type_=Date) if has_until else func.current_date(type_=Date)
    shown_from = cast(last - _DAYS + _whole(1), Date)
    first = cast(shown_from - _whole(rules.HISTORY_DAYS), Date)
    run = _runs(audience, first, last, of)
    day = _days(audience, first, of)
    load = func.coalesce(func.sum(run.c.load), number(0), type_=Double)
    of_day = (
        select(
            day.c.athlete_id,
            day.c.day,
            day.c.place,
            load.label("load"),
            func.count(run.c.day).label("run_count"),
            (func.count(run.c.day) - func.count(run.c.load)).label("runs_without_heart_rate"),
        )
        .outerjoin_from(day, run, (run.c.athlete_id == day.c.athlete_id) & (run.c.day == day.c.day))
        .group_by(day.c.athlete_id, day.c.day, day.c.place)
        .subquery("of_day")
    )
    averaged = (
        select(
            *of_day.c,
            _average(of_day.c, rules.FITNESS_DAYS).label("fitness"),
            _average(of_day.c, rules.FATIGUE_DAYS).label("fatigue"),
        )
    ).subquery("averaged")
    before = (averaged.c.fitness - averaged.c.fatigue).label("balance")
    evening = func.lag(before).over(partition_by=averaged.c.athlete_id, order_by=averaged.c.day)
    formed = select(*averaged.c, func.coalesce(evening, number(0), type_=Double).label("form"))
    shown = formed.subquery("formed")
    columns = (each for each in shown.c if each.name not in {"athlete_id", "place"})
    return (
        select(shown.c.athlete_id.label(PARENT), *columns)
        .where(shown.c.day >= shown_from)
        .order_by(shown.c.day)
    )


def _days(audience: Audience, first: Any, of: Expression | None) -> Any:
    """The days of the athletes whose reserve is known, with their places from 0 on.

    A series of their numbers has an end, independent of the first day.
    """
    last_place = _DAYS + _whole(rules.HISTORY_DAYS - 1)
    series = (
        func.generate_series(_whole(0), last_place)
        .table_valued(column("place", Integer), name="series")
        .render_derived()
    )
    place = series.c.place
    return (
        select(Athlete.id.label("athlete_id"), cast(first + place, Date).label("day"), place)
        .select_from(Athlete)
        .join(series, true())
        .where(matches(Athlete.id, of), _reserve_is_known(Athlete), _is_own(Athlete, audience))
        .correlate(None)
        .subquery("day")
    )


def _runs(audience: Audience, first: Any, last: Any, of: Expression | None) -> Any:
    """The runs from `first` to `last`, each once; `load` is null where no heart rate is known."""
    athlete = aliased(Athlete)
    rate = (
        func.unnest(ActivityHeartRates.seconds)
        .table_valued("seconds", with_ordinality="place", name="rate")
        .render_derived()
    )
    bpm = ActivityHeartRates.lowest_bpm + rate.c.place - _whole(1)
    of_rates = (
        select(func.sum(rate.c.seconds / _PER_MINUTE * _trimp_per_minute(bpm, athlete)))
        .select_from(ActivityHeartRates)
        .join(rate, true())
        .where(
            ActivityHeartRates.activity_id == Activity.id,
            ActivityHeartRates.athlete_id == Activity.athlete_id,
        )
        .correlate(Activity, athlete)
        .scalar_subquery()
    )
    of_mean = (
        Activity.moving_time_s
        / _PER_MINUTE
        * _trimp_per_minute(Activity.average_heart_rate_bpm, athlete)
    )
    return (
        select(
            Activity.athlete_id,
            cast(Activity.started_at_local, Date).label("day"),
            func.coalesce(of_rates, of_mean, type_=Double).label("load"),
        )
        .join(athlete, athlete.id == Activity.athlete_id)
        .where(
            matches(Activity.athlete_id, of),
            IS_RUN,
            since_day(first),
            until_day(last),
            for_audience(STANDS, audience),
            _is_own(Activity, audience),
        )
        .correlate(None)
        .subquery("run")
    )


def _trimp_per_minute(bpm: Any, athlete: Any) -> ColumnElement[float]:
    """The load of a minute at a heart rate, by the athlete's reserve."""
    reserve = cast(athlete.max_heart_rate_bpm - athlete.resting_heart_rate_bpm, Double)
    share = func.least(
        number(1),
        func.greatest(number(0), (bpm - athlete.resting_heart_rate_bpm) / reserve),
        type_=Double,
    )
    factor, exponent = (
        case({sex.value: number(values[sex]) for sex in Sex}, value=athlete.sex)
        for values in (rules.TRIMP_FACTOR, rules.TRIMP_EXPONENT)
    )
    return case((bpm.is_not(None), share * factor * func.exp(exponent * share, type_=Double)))


def _average(of_day: Any, days: float) -> ColumnElement[float]:
    """The average with weights that fall exponentially: sums of loads that grow with the days."""
    grown = func.exp(of_day.place / number(days), type_=Double)
    summed = func.sum(of_day.load * grown, type_=Double).over(
        partition_by=of_day.athlete_id, order_by=of_day.day
    )
    new = number(1) - func.exp(number(-1 / days), type_=Double)
    average: Any = summed / grown * new
    return average  # type: ignore[no-any-return]


def _reserve_is_known(athlete: Any) -> ColumnElement[bool]:
    known: ColumnElement[bool] = (
        athlete.sex.is_not(None)
        & athlete.resting_heart_rate_bpm.is_not(None)
        & athlete.max_heart_rate_bpm.is_not(None)
    )
    return known


def _is_own(model: Any, audience: Audience) -> ColumnElement[bool]:
    return true() if audience is Audience.ADMIN else own_rows(model)


def _whole(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer)
