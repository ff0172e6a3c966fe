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

from db.models import EventBudget, SyncBudget
from db.statements.interval import seconds

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_CAPACITY = bindparam("capacity", type_=Float)
_REFILL_PER_S = bindparam("refill_per_h", type_=Float) / 3600
_CLOCK = func.clock_timestamp()

Budget = type[SyncBudget] | type[EventBudget]


def _level(budget: Budget) -> ColumnElement[float]:
    # A time to come is from before PostgreSQL's clock was set back.
    passed_s = func.greatest(0, func.extract("epoch", _CLOCK - budget.measured_at))
    return func.least(_CAPACITY, budget.level + passed_s * _REFILL_PER_S)


def spend(budget: Budget = SyncBudget) -> Executable:
    """Take one request from the budget; returns nothing if it holds less."""
    insertion = insert(budget).values(
        athlete_id=_ATHLETE_ID, level=_CAPACITY - 1, measured_at=_CLOCK
    )
    return insertion.on_conflict_do_update(
        index_elements=[budget.athlete_id],
        set_={"level": _level(budget) - 1, "measured_at": _CLOCK},
        where=_level(budget) >= 1,
    ).returning(budget.level)


def give_back(budget: Budget = SyncBudget) -> Executable:
    """Return one request to the budget."""
    return (
        update(budget)
        .where(budget.athlete_id == _ATHLETE_ID)
        .values(level=func.least(_CAPACITY, budget.level + 1))
    )


def look(budget: Budget = SyncBudget) -> Executable:
    """Select the requests left (`level`), and when one will be (`retry_at`); nothing if full."""
    level = _level(budget)
    missing_s = cast(func.greatest(0, 1 - level) / _REFILL_PER_S, Float)
    return select(level.label("level"), (_CLOCK + seconds(missing_s)).label("retry_at")).where(
        budget.athlete_id == _ATHLETE_ID
    )
