"""The fastest effort over each distance in a period, and what follows from these efforts.

Of efforts that count only; for others, of those that count for them.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    any_,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on

from db.models import Activity, BestEffort
from db.statements.activities.activity import since_day, until_day
from db.statements.page import AnySelect, Columns, all_of, by_key, ids_first, matches
from db.statements.visibility import (
    Audience,
    ConditionByOwner,
    Expression,
    Part,
    Seen,
    for_audience,
    parts_of,
    visible,
)

PERIOD_DAYS = 180
"""Days of a period without a given first one: its last one included."""
_COUNTS = ConditionByOwner(BestEffort, BestEffort.counts, BestEffort.counts_for_others)


@dataclass(frozen=True, slots=True)
class EffortPeriod:
    """Which ends of a period are given, as the parameters `day_from` and `day_until`."""

    has_from: bool
    has_until: bool

    @property
    def first_day(self) -> ColumnElement[Any]:
        """Without `day_from` the first of PERIOD_DAYS, which end with `day_until`, today (UTC) at most.

        Callers write a day far ahead for a period that goes on.
        """
        if self.has_from:
            return bindparam("day_from", type_=Date)
        last: Any = func.current_date(type_=Date)
        if self.has_until:
            last = func.least(bindparam("day_until", type_=Date), last, type_=Date)
        first: ColumnElement[Any] = last - literal_column(str(PERIOD_DAYS - 1), Integer)
        return first

    def condition(self) -> ColumnElement[bool]:
        """Condition for activities of the period, by the athlete's clock."""
        since = since_day(self.first_day)
        return since & until_day(bindparam("day_until", type_=Date)) if self.has_until else since


def fastest(audience: Audience, period: EffortPeriod, of: Expression | None) -> Any:
    """Select the fastest effort of each athlete over each distance, as a subquery.

    Of equal ones the one achieved first. Columns: `id`, `athlete_id`, `activity_id`, `distance`,
    `distance_m`, `elapsed_s`. The runs of the period are found first, and efforts by these alone:
    PostgreSQL takes an effort's athlete and run for independent, and would look for each run among
    all efforts.
    """
    parts = [_fastest(part, period, of) for part in parts_of(BestEffort, audience)]
    return all_of(parts).correlate(None).subquery("fastest")


def _fastest(part: Seen, period: EffortPeriod, of: Expression | None) -> AnySelect:
    runs = (
        select(Activity.id)
        .where(matches(Activity.athlete_id, of), visible(Activity, part), period.condition())
        .correlate(None)
    )
    is_of_run: ColumnElement[bool] = (
        BestEffort.activity_id == any_(ids_first(runs))
        if part is Part.OTHERS
        else BestEffort.activity_id.in_(runs)
    )
    return (
        select(
            BestEffort.id,
            BestEffort.athlete_id,
            BestEffort.activity_id,
            BestEffort.distance,
            BestEffort.distance_m,
            BestEffort.elapsed_s,
        )
        .ext(distinct_on(BestEffort.athlete_id, BestEffort.distance_m))
        .where(is_of_run, for_audience(_COUNTS, part), visible(BestEffort, part))
        .order_by(
            BestEffort.athlete_id,
            BestEffort.distance_m,  # numbers sort faster than names
            BestEffort.elapsed_s,
            BestEffort.achieved_at,
            BestEffort.id,
        )
        .correlate(None)
    )


def pace_curve(
    columns: Columns, period: EffortPeriod, audience: Audience, of: Expression | None
) -> AnySelect:
    """Select the efforts of `fastest`, shortest distance first."""
    ids = select(fastest(audience, period, of).c.id)
    return by_key(
        BestEffort,
        BestEffort.athlete_id,
        columns,
        audience,
        order_by=[BestEffort.distance_m.asc()],
        conditions=[BestEffort.id == any_(ids_first(ids))],
        of=of,
    )
