"""How far behind Strava the athletes are: since when nothing can be missing of what it lists."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Float, and_, cast, exists, func, or_, select

from db.models import Job, JobKind, JobStatus, StravaConnection

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
BOUNDS_S = {"1h": _HOUR_S, "1d": _DAY_S, "2d": 2 * _DAY_S, "7d": 7 * _DAY_S, "longer": float("inf")}
"""Upper bounds of an athlete's lag by its label, in ascending order."""


@cache
def state() -> Executable:
    """Select the lags of connected athletes in seconds, and how many athletes have which.

    `list_median_s` and `list_worst_s` are of Strava's newest activities, `history_…` of all of them:
    since the last sync that read them began, or else since the athlete connected. Null without an
    athlete. `up_to_…` counts those whose lag of all is at most a bound of `BOUNDS_S` and above the
    one before. Athletes whose tokens Strava refuses, and who never asked for a sync, do not count.
    """
    listed = _since(StravaConnection.last_synced_at).label("list_s")
    history = _since(StravaConnection.history_walked_at).label("history_s")
    lag = select(listed, history).where(_is_to_be_synced()).subquery()
    median = (
        func.percentile_cont(0.5).within_group(column).label(f"{name}_median_s")
        for name, column in (("list", lag.c.list_s), ("history", lag.c.history_s))
    )
    worst = (
        func.max(column).label(f"{name}_worst_s")
        for name, column in (("list", lag.c.list_s), ("history", lag.c.history_s))
    )
    lower = (-1.0, *BOUNDS_S.values())
    counts = (
        func.count()
        .filter(and_(lag.c.history_s > above, lag.c.history_s <= bound))
        .label(f"up_to_{name}")
        for above, (name, bound) in zip(lower, BOUNDS_S.items(), strict=False)
    )
    return select(*median, *worst, *counts)


def _since(read_at: Any) -> ColumnElement[float]:
    began_at = func.coalesce(read_at, StravaConnection.connected_at)
    passed_s = cast(func.extract("epoch", func.now() - began_at), Float)
    # A time to come is from before PostgreSQL's clock was set back.
    return func.greatest(0.0, passed_s)


def _is_to_be_synced() -> ColumnElement[bool]:
    asked = exists().where(
        Job.athlete_id == StravaConnection.athlete_id,
        Job.kind == JobKind.STRAVA_SYNC,
        Job.status != JobStatus.CANCELLED,
    )
    was_synced = StravaConnection.last_synced_at.is_not(None)
    return and_(StravaConnection.refused_at.is_(None), or_(was_synced, asked))
