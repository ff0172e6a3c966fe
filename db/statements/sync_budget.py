"""Budgets of requests that athletes' syncs may make: token buckets, full until first used.

Parameters of all: `athlete`, `capacity`, `refill_per_h`.
"""

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    bindparam,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import SyncBudget
from db.statements.interval import seconds

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_CAPACITY = bindparam("capacity", type_=Float)
_REFILL_PER_S = bindparam("refill_per_h", type_=Float) / 3600
_MINE: ColumnElement[bool] = SyncBudget.athlete_id == _ATHLETE_ID
_CLOCK = func.clock_timestamp()


def _level() -> ColumnElement[float]:
    # A time to come is from before PostgreSQL's clock was set back.
    passed_s = func.greatest(0, func.extract("epoch", _CLOCK - SyncBudget.measured_at))
    return func.least(_CAPACITY, SyncBudget.level + passed_s * _REFILL_PER_S)


def spend() -> Executable:
    """Take one request from the budget; returns nothing if it holds less."""
    insertion = insert(SyncBudget).values(
        athlete_id=_ATHLETE_ID, level=_CAPACITY - 1, measured_at=_CLOCK
    )
    return insertion.on_conflict_do_update(
        index_elements=[SyncBudget.athlete_id],
        set_={"level": _level() - 1, "measured_at": _CLOCK},
        where=_level() >= 1,
    ).returning(SyncBudget.level)


def give_back() -> Executable:
    """Return one request to the budget."""
    return update(SyncBudget).where(_MINE).values(level=func.least(_CAPACITY, SyncBudget.level + 1))


def look() -> Executable:
    """Select the requests left (`level`), and when one will be (`retry_at`); nothing if full."""
    missing_s = cast(func.greatest(0, 1 - _level()) / _REFILL_PER_S, Float)
    return select(_level().label("level"), (_CLOCK + seconds(missing_s)).label("retry_at")).where(
        _MINE
    )
