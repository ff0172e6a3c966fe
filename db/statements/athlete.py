"""Athletes: lists, and changes of their own data."""

from typing import Any

from sqlalchemy import BigInteger, Executable, Text, bindparam, func, select, update

from db.models import Athlete
from db.statements.page import Collection, Ordering
from db.statements.search import contains

ORDERINGS = {
    (name, descending): Ordering(column, Athlete.id, descending=descending)
    # Ids are given in the order of joining.
    for name, column in {"JOINED": Athlete.id, "LAST_NAME": Athlete.last_name}.items()
    for descending in (True, False)
}

ATHLETES = Collection(
    Athlete,
    filters={
        "athlete_name": contains(Athlete.first_name + " " + Athlete.last_name, bindparam("athlete_name", type_=Text)),
        "athlete_sex": Athlete.sex == bindparam("athlete_sex", type_=Text),
        "athlete_country": func.lower(Athlete.country) == func.lower(bindparam("athlete_country", type_=Text)),
    },
)


def change(values: dict[str, Any]) -> Executable:
    """Set `values` (column → value) of the athlete named by the parameter `changed_athlete_id`."""
    return (
        update(Athlete)
        .where(Athlete.id == bindparam("changed_athlete_id", type_=BigInteger))
        .values(**values, updated_at=func.now())
    )


def personal_data() -> Executable:
    """Select sex and birth date of the athlete named by the parameter `athlete_id`: what an age grade needs."""
    return select(Athlete.sex, Athlete.birth_date).where(Athlete.id == bindparam("athlete_id", type_=BigInteger))
