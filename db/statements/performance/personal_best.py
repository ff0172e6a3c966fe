"""Personal bests: lists, and their recalculation in SQL for many athletes at once.

The rule is that of `athletics/personal_best.py`: in order of achievement, an effort faster than all
earlier ones is a personal best, and the last of them is current. It is applied to two histories:
the athlete's own, and the one that others see (`PersonalBest`).
"""

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
from sqlalchemy.orm import aliased

from db.models import Athlete, BestEffort, PersonalBest
from db.statements.page import Collection, Ordering
from db.statements.performance import best_effort
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
        SELECT id, lag(id) OVER by_time AS previous_id, best_before - elapsed_s AS improvement_s,
               lead(id) OVER by_time IS NULL AS is_current
        FROM {name}_ordered WHERE best_before IS NULL OR elapsed_s < best_before
        WINDOW by_time AS (PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id)
    )"""  # noqa: S608 - made of constants


def _improvements(among: str) -> str:
    return f"""
    WITH {_history("own", "counts", among)},
    {_history("others", "counts_for_others", among)}, improvements AS (
        SELECT id, e.athlete_id, e.activity_id, e.distance, e.distance_m, e.elapsed_s, e.start_offset_s,
               e.achieved_at, e.age_grade_percent, e.age_on_day,
               own.id IS NOT NULL AS for_athlete, own.previous_id, own.improvement_s,
               coalesce(own.is_current, false) AS is_current,
               others.id IS NOT NULL AS for_others, others.previous_id AS previous_for_others_id,
               others.improvement_s AS improvement_for_others_s,
               coalesce(others.is_current, false) AS is_current_for_others
        FROM own FULL JOIN others USING (id) JOIN best_efforts e USING (id)
    )
"""  # noqa: S608 - made of constants


# A beaten best must stop being current before the new one is: the indexes allow one at a time.
_STEP_DOWN = """
    , stepped_down AS (
        UPDATE personal_bests p SET is_current = p.is_current AND i.is_current,
            is_current_for_others = p.is_current_for_others AND i.is_current_for_others
        FROM improvements i
        WHERE i.id = p.id AND (
            p.is_current AND NOT i.is_current
            OR p.is_current_for_others AND NOT i.is_current_for_others
        )
    )
    DELETE FROM personal_bests p WHERE p.athlete_id = ANY(:athlete_ids)
    AND NOT EXISTS (SELECT FROM improvements i WHERE i.id = p.id)
"""

_COLUMNS = (
    "athlete_id, activity_id, distance, distance_m, elapsed_s, start_offset_s, achieved_at, "
    "age_grade_percent, age_on_day, for_athlete, previous_id, improvement_s, is_current, for_others, "
    "previous_for_others_id, improvement_for_others_s, is_current_for_others"
)
_WRITE = f"""
    INSERT INTO personal_bests (id, {_COLUMNS})
    SELECT id, {_COLUMNS} FROM improvements
    ON CONFLICT (id) DO UPDATE SET ({_COLUMNS}) = ROW(
        excluded.{_COLUMNS.replace(", ", ", excluded.")})
    WHERE (personal_bests.{_COLUMNS.replace(", ", ", personal_bests.")})
        IS DISTINCT FROM (excluded.{_COLUMNS.replace(", ", ", excluded.")})
"""  # noqa: S608


@cache
def recalculate(*, of_distances: bool = False) -> tuple[Executable, ...]:
    """Make the statements that update which efforts count, then the personal bests.

    They are for the athletes `athlete_ids`; with `of_distances` only for the `distances`, which is
    all that an exclusion needs: no distance depends on another. Run all of them in this order, in
    one transaction that has locked the athletes (`athlete.lock`).
    """
    parameters: list[BindParameter[Any]] = [bindparam("athlete_ids", type_=ARRAY(BigInteger))]
    if of_distances:
        parameters.append(bindparam("distances", type_=ARRAY(Text)))
    among = _OF_DISTANCES if of_distances else ""
    steps = (_STEP_DOWN + among.replace("distance", "p.distance", 1), _WRITE)
    bests = (text(_improvements(among) + step).bindparams(*parameters) for step in steps)
    return best_effort.update_counts(of_distances=of_distances), *bests


def may_change() -> Executable:
    """Select whether personal bests may change because the efforts `changed_ids` now count or not.

    They do not where none of these is a best, and none is faster than all earlier ones.
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

    is_best = exists().where(PersonalBest.id == changed.id)
    return select(
        exists().where(
            changed.id == any_(bindparam("changed_ids", type_=ARRAY(BigInteger))),
            or_(is_best, is_improvement("counts"), is_improvement("counts_for_others")),
        )
    )


@cache
def current_bests() -> Executable:
    """Select the current bests in each athlete's own history, for `athlete_ids`."""
    return select(
        PersonalBest.athlete_id, PersonalBest.distance, PersonalBest.id, PersonalBest.elapsed_s
    ).where(
        PersonalBest.athlete_id == any_(bindparam("athlete_ids", type_=ARRAY(BigInteger))),
        PersonalBest.is_current,
    )


def of_distances() -> ColumnElement[bool]:
    """Condition for current bests over the distances `distances`."""
    return PersonalBest.distance == any_(bindparam("distances", type_=ARRAY(Text)))
