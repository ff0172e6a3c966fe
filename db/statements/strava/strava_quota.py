"""PostgreSQL's copy of the quota of Strava's application `of_application`."""

from sqlalchemy import BigInteger, Executable, Text, bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, insert

from db.models import StravaQuota

_APPLICATION = bindparam("of_application", type_=Text)
_MINE = StravaQuota.application == _APPLICATION
_CLOCK = cast(func.extract("epoch", func.clock_timestamp()), DOUBLE_PRECISION).label("clock_s")


def take_over() -> Executable:
    """Raise the generation, of a new row if there is none; returns `generation` and `ledger`."""
    first = insert(StravaQuota).values(application=_APPLICATION, generation=1)
    return first.on_conflict_do_update(
        index_elements=[StravaQuota.application],
        set_={"generation": StravaQuota.generation + 1},
    ).returning(StravaQuota.generation, StravaQuota.ledger, _CLOCK)


def lock() -> Executable:
    """Select `ledger` for an update, if `of_generation` is the row's."""
    mine = StravaQuota.generation == bindparam("of_generation", type_=BigInteger)
    return select(StravaQuota.ledger).where(_MINE, mine).with_for_update()


def write() -> Executable:
    """Set the row's ledger to `new_ledger`."""
    return update(StravaQuota).where(_MINE).values(ledger=bindparam("new_ledger", type_=Text))


def copy() -> Executable:
    """Select `ledger` and the time, `clock_s` (POSIX)."""
    return select(StravaQuota.ledger, _CLOCK).where(_MINE)


def generation() -> Executable:
    """Select `generation`, `ledger` and the time, `clock_s`; a row in any case, of nulls."""
    clock = select(_CLOCK).subquery()
    kept = clock.outerjoin(StravaQuota, _MINE)
    return select(StravaQuota.generation, StravaQuota.ledger, clock.c.clock_s).select_from(kept)
