"""Personal bests: lists, and their recalculation in SQL for many athletes at once.

The rule is that of `athletics/personal_best.py`: in order of achievement, an effort faster than all
earlier ones is a personal best, and the last of them is current. It is applied to two histories:
the athlete's own, and the one that others see (`PersonalBest`).
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Date,
    Executable,
    Integer,
    RowMapping,
    Text,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from db.models import Activity, Athlete, BestEffort, PersonalBest
from db.statements.new_rows import given_rows, values_of
from db.statements.ordering import Ordering
from db.statements.page import Collection
from db.statements.visibility import ConditionByOwner, shows_age_grades

NEWEST = Ordering(PersonalBest.achieved_at, PersonalBest.id, descending=True)
FASTEST = Ordering(
    PersonalBest.elapsed_s, PersonalBest.id, descending=False, tie=PersonalBest.achieved_at
)
BEST_AGE_GRADE = Ordering(
    PersonalBest.age_grade_percent, PersonalBest.id, descending=True, tie=PersonalBest.achieved_at
)

CURRENT = ConditionByOwner(
    PersonalBest, PersonalBest.is_current, PersonalBest.is_current_for_others
)
"""Condition for current bests."""


def _where_shown(condition: ColumnElement[bool]) -> ConditionByOwner:
    """Apply a condition on age grades only to rows with an age grade that the viewer may see."""
    return ConditionByOwner(PersonalBest, condition, condition & shows_age_grades(PersonalBest))


def _of_athlete(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Athlete.id == PersonalBest.athlete_id, condition)


_DISTANCE = PersonalBest.distance == bindparam("distance", type_=Text)

HISTORY_OF_ATHLETE = Collection(
    PersonalBest, parent=PersonalBest.athlete_id, filters={"distance": _DISTANCE}
)

LEADERBOARD = Collection(
    PersonalBest,
    filters={
        "distance": _DISTANCE,
        "athlete_sex": _of_athlete(Athlete.sex == bindparam("athlete_sex", type_=Text)),
        "athlete_country": _of_athlete(
            func.lower(Athlete.country) == func.lower(bindparam("athlete_country", type_=Text))
        ),
        "min_age": _where_shown(PersonalBest.age_on_day >= bindparam("min_age", type_=Integer)),
        "max_age": _where_shown(PersonalBest.age_on_day <= bindparam("max_age", type_=Integer)),
        # Of days in UTC, the time zone of our connections; the index knows the rest.
        "achieved_from": PersonalBest.achieved_at >= bindparam("achieved_from", type_=Date),
        "achieved_until": PersonalBest.achieved_at
        < bindparam("achieved_until", type_=Date) + literal_column("1", Integer),
        "graded": _where_shown(PersonalBest.age_grade_percent.is_not(None)),
    },
    always=CURRENT,
    steady={"distance", "graded"},
)


_OF_DISTANCES = " AND distance = ANY(:distances)"


def _history(name: str, counts: str, among: str) -> str:
    """Write two common table expressions; the second, `name`, has the improvements."""
    return f"""
    {name}_ordered AS (
        SELECT id, athlete_id, distance, elapsed_s, achieved_at,
               min(elapsed_s) OVER (
                   PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS best_before
        FROM best_efforts WHERE athlete_id = ANY(:athlete_ids) AND {counts}{among}
    ), {name} AS (
        SELECT id, athlete_id, lag(id) OVER by_time AS previous_id,
               best_before - elapsed_s AS improvement_s, lead(id) OVER by_time IS NULL AS is_current
        FROM {name}_ordered WHERE best_before IS NULL OR elapsed_s < best_before
        WINDOW by_time AS (PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id)
    )"""  # noqa: S608 - made of constants


def _improvements(among: str) -> str:
    return f"""
    WITH {_history("own", "counts", among)},
    {_history("others", "counts_for_others", among)}, improvements AS (
        SELECT id, athlete_id, e.activity_id, e.distance, e.distance_m, e.elapsed_s, e.start_offset_s,
               e.achieved_at, e.age_grade_percent, e.age_on_day,
               own.id IS NOT NULL AS for_athlete, own.previous_id, own.improvement_s,
               coalesce(own.is_current, false) AS is_current,
               others.id IS NOT NULL AS for_others, others.previous_id AS previous_for_others_id,
               others.improvement_s AS improvement_for_others_s,
               coalesce(others.is_current, false) AS is_current_for_others
        FROM own FULL JOIN others USING (athlete_id, id) JOIN best_efforts e USING (athlete_id, id)
    )
"""  # noqa: S608 - made of constants


_COLUMNS = (
    "id", "athlete_id", "activity_id", "distance", "distance_m", "elapsed_s", "start_offset_s",
    "achieved_at", "age_grade_percent", "age_on_day", "for_athlete", "previous_id",
    "improvement_s", "is_current", "for_others", "previous_for_others_id",
    "improvement_for_others_s", "is_current_for_others",
)  # fmt: skip


def _listed(table: str) -> str:
    return ", ".join(f"{table}.{each}" for each in _COLUMNS)


# A beaten best must stop being current before the new one is: the indexes allow one at a time.
def _step_down(among: str) -> str:
    return f"""
    , stepped_down AS (
        UPDATE personal_bests p SET is_current = p.is_current AND i.is_current,
            is_current_for_others = p.is_current_for_others AND i.is_current_for_others
        FROM improvements i
        WHERE i.id = p.id AND i.athlete_id = p.athlete_id AND (
            p.is_current AND NOT i.is_current
            OR p.is_current_for_others AND NOT i.is_current_for_others
        )
    ), deleted AS (
        DELETE FROM personal_bests p WHERE p.athlete_id = ANY(:athlete_ids)
        AND NOT EXISTS (SELECT FROM improvements i WHERE i.id = p.id){among}
    )
    SELECT {_listed("i")} FROM improvements i LEFT JOIN personal_bests p USING (athlete_id, id)
    WHERE ({_listed("p")}) IS DISTINCT FROM ({_listed("i")})
"""  # noqa: S608 - made of constants


@cache
def take_back(*, of_distances: bool = False) -> Executable:
    """Delete the bests of the athletes `athlete_ids` that are none, and step down those beaten.

    Selects those that are missing or were others, for `write`. With `of_distances` only those over
    the `distances`: no distance depends on another. Lock the athletes before (`athlete.lock`), and
    update the counts of their efforts (`best_effort.update_counts`).
    """
    parameters: list[BindParameter[Any]] = [bindparam("athlete_ids", type_=ARRAY(BigInteger))]
    if of_distances:
        parameters.append(bindparam("distances", type_=ARRAY(Text)))
    among = _OF_DISTANCES if of_distances else ""
    deletes_among = among.replace("distance", "p.distance", 1)
    return text(_improvements(among) + _step_down(deletes_among)).bindparams(*parameters)


@cache
def write() -> Executable:
    """Make the bests that `take_back` selected what they are (`rows_to_write`)."""
    given = given_rows(PersonalBest, _COLUMNS)
    insertion = insert(PersonalBest).from_select(_COLUMNS, select(*given.c))
    changing = {each: insertion.excluded[each] for each in _COLUMNS[2:]}
    # its columns are others in partitions (db/statements/server/partition_shape.py)
    return insertion.on_conflict_do_update(constraint="pk_personal_bests", set_=changing)


def rows_to_write(found: Iterable[RowMapping]) -> dict[str, str] | None:
    """Make the parameters of `write` from the mappings of `take_back`; None: nothing is to do."""
    rows = [dict(each) for each in found]
    return {"rows": values_of(rows)} if rows else None


@cache
def distances_that_may_change() -> Executable:
    """Select over which distances bests may change because the efforts `changed_ids` count or not.

    Those of which one is a best, or faster than all earlier ones.
    """
    changed, earlier = aliased(BestEffort), aliased(BestEffort)

    def is_improvement(name: str) -> ColumnElement[bool]:
        beaten = exists().where(
            earlier.athlete_id == changed.athlete_id,
            earlier.distance == changed.distance,
            getattr(earlier, name),
            earlier.elapsed_s <= changed.elapsed_s,
            earlier.id != changed.id,
            earlier.achieved_at < changed.achieved_at,
        )
        return and_(getattr(changed, name), ~beaten)

    is_best = exists().where(
        PersonalBest.id == changed.id, PersonalBest.athlete_id == changed.athlete_id
    )
    return (
        select(changed.distance)
        .distinct()
        .where(
            changed.id == any_(bindparam("changed_ids", type_=ARRAY(BigInteger))),
            or_(is_best, is_improvement("counts"), is_improvement("counts_for_others")),
        )
    )


@cache
def distances_of_run() -> Executable:
    """Select over which distances an activity of the run `run` set a best, of then or now."""
    of_run = Activity.run_id.expression == bindparam("run", type_=BigInteger)
    is_of_run = exists().where(
        Activity.id == PersonalBest.activity_id,
        Activity.athlete_id == PersonalBest.athlete_id,
        of_run,
    )
    return select(PersonalBest.distance).distinct().where(is_of_run)


@cache
def current_bests() -> Executable:
    """Select the current bests in each athlete's own history, for `athlete_ids`."""
    return select(
        PersonalBest.athlete_id,
        PersonalBest.distance,
        PersonalBest.id,
        PersonalBest.elapsed_s,
        PersonalBest.age_grade_percent,
    ).where(
        PersonalBest.athlete_id == any_(bindparam("athlete_ids", type_=ARRAY(BigInteger))),
        PersonalBest.is_current,
    )


def of_distances() -> ColumnElement[bool]:
    """Condition for current bests over the distances `distances`."""
    return PersonalBest.distance == any_(bindparam("distances", type_=ARRAY(Text)))
