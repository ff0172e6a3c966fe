"""Halves of runs, as `athletics/pacing.py` says."""

from sqlalchemy import Double, func, select

from athletics.pacing import LEAST_M
from athletics.split import SplitUnit
from db.models import ActivitySplit
from db.statements.number import number
from db.statements.page import PARENT, AnySelect, matches
from db.statements.visibility import Audience, Expression, visible

_NONE, _HALF, _WHOLE = number(0), number(0.5), number(1)


def halves(audience: Audience, *, of: Expression | None = None) -> AnySelect:
    """Select the halves of each activity; no row where its splits have none.

    Columns: `first_s`, `second_s`, `change_percent`, `is_negative`. The activities are `keys`, or
    `of`.
    """
    through = func.sum(ActivitySplit.distance_m, type_=Double).over(
        partition_by=ActivitySplit.activity_id, order_by=ActivitySplit.split_number
    )
    split = (
        select(
            ActivitySplit.activity_id,
            ActivitySplit.distance_m,
            ActivitySplit.moving_time_s,
            (through - ActivitySplit.distance_m).label("begun_m"),
            func.sum(ActivitySplit.distance_m, type_=Double)
            .over(partition_by=ActivitySplit.activity_id)
            .label("length_m"),
        )
        .where(
            matches(ActivitySplit.activity_id, of),
            ActivitySplit.unit == SplitUnit.KILOMETER,
            visible(ActivitySplit, audience),
        )
        .correlate(None)
        .subquery("split")
    ).c
    reached = (split.length_m * _HALF - split.begun_m) / func.nullif(split.distance_m, _NONE)
    share = func.least(_WHOLE, func.greatest(_NONE, func.coalesce(reached, _NONE)), type_=Double)
    half = (
        select(
            split.activity_id,
            func.sum(split.moving_time_s * share, type_=Double).label("first_s"),
            func.sum(split.moving_time_s * (_WHOLE - share), type_=Double).label("second_s"),
        )
        .group_by(split.activity_id)
        .having(func.min(split.length_m) >= number(LEAST_M))
        .subquery("half")
    ).c
    return select(
        half.activity_id.label(PARENT),
        half.first_s,
        half.second_s,
        (number(100) * (half.second_s / half.first_s - _WHOLE)).label("change_percent"),
        (half.second_s < half.first_s).label("is_negative"),
    ).where(half.first_s > _NONE, half.second_s > _NONE)
