"""Athletes: lists, changes of their own data, and the lock for writing data derived from runs."""

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Executable, Integer, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db.models import NAMELESS, Athlete
from db.statements.ordering import Ordering
from db.statements.page import Collection
from db.statements.search import contains

# Not "athlete_id": in an UPDATE a value passed under a column's name is written to that column.
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)

ORDERINGS = {
    (name, descending): Ordering(column, Athlete.id, descending=descending)
    for name, column in {"JOINED": Athlete.created_at, "LAST_NAME": Athlete.last_name}.items()
    for descending in (True, False)
}

ATHLETES = Collection(
    Athlete,
    filters={
        "athlete_name": contains(
            Athlete.first_name + " " + Athlete.last_name, bindparam("athlete_name", type_=Text)
        ),
        "athlete_sex": Athlete.sex == bindparam("athlete_sex", type_=Text),
        "athlete_country": func.lower(Athlete.country)
        == func.lower(bindparam("athlete_country", type_=Text)),
    },
)


def change(values: dict[str, Any]) -> Executable:
    """Set `values` (column → value) of the athlete `changed_athlete_id`."""
    return (
        update(Athlete)
        .where(Athlete.id == bindparam("changed_athlete_id", type_=BigInteger))
        .values(**values, updated_at=func.now())
    )


def personal_data() -> Executable:
    """Select the sex and birth date of `athlete_id`, which an age grade depends on."""
    return select(Athlete.sex, Athlete.birth_date).where(
        Athlete.id == bindparam("athlete_id", type_=BigInteger)
    )


@cache
def count() -> Executable:
    """Count all athletes."""
    return select(func.count()).select_from(Athlete)


@cache
def ids_after() -> Executable:
    """Select at most `row_limit` athletes' ids above `after_id`, in ascending order."""
    return (
        select(Athlete.id)
        .where(Athlete.id > bindparam("after_id", type_=BigInteger))
        .order_by(Athlete.id)
        .limit(bindparam("row_limit", type_=Integer))
    )


@cache
def lock() -> Executable:
    """Select `sex` and `birth_date` of `athlete`, and lock the row.

    Every transaction that writes derived data of the athlete takes this lock first.
    """
    return (
        select(Athlete.sex, Athlete.birth_date)
        .where(Athlete.id == _ATHLETE_ID)
        .with_for_update(key_share=True)
    )


_TOLD = (Athlete.first_name, Athlete.last_name, Athlete.sex, Athlete.city, Athlete.country)


def create() -> Executable:
    """Create an athlete; returns the id.

    Parameters: `first_name`, `last_name`, `sex`, `city`, `country`.
    """
    return (
        insert(Athlete)
        .values({c.key: bindparam(c.key, type_=Text) for c in _TOLD})
        .returning(Athlete.id)
    )


def name_again() -> Executable:
    """Give `athlete` the profile that an erasure took.

    Parameters: `new_first_name`, `new_last_name`, `new_sex`, `new_city`, `new_country`.
    """
    told = {column: bindparam(f"new_{column.key}", type_=Text) for column in _TOLD}
    names = (Athlete.first_name, Athlete.last_name)
    values = {
        column: value if column in names else func.coalesce(column, value)
        for column, value in told.items()
    }
    was_erased = (Athlete.first_name == NAMELESS, Athlete.last_name == "")
    return update(Athlete).where(Athlete.id == _ATHLETE_ID, *was_erased).values(values)
