"""Personal bests: lists, and their recalculation as set-based SQL.

The rule is `athletics/personal_best.py`'s: in the order of achievement, an effort faster than all before it is a
personal best, and the last of them is current. Two histories follow it: the athlete's own, and the one that others see
(`PersonalBest`). Here it is three statements over the efforts of any number of athletes, to be run in this order in one
transaction; each has one parameter, `athlete_ids`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Executable,
    Integer,
    Text,
    TextClause,
    any_,
    bindparam,
    cast,
    exists,
    func,
    select,
    text,
)

from db.models import Athlete, BestEffort, PersonalBest
from db.statements.page import Collection, Ordering
from db.statements.visibility import Split, shows_age_grades

SHORTEST_FIRST = (PersonalBest.distance_m,)
NEWEST = Ordering(PersonalBest.achieved_at, PersonalBest.id, descending=True)
FASTEST = Ordering(PersonalBest.elapsed_s, PersonalBest.id, descending=False)
BEST_AGE_GRADE = Ordering(BestEffort.age_grade_percent, PersonalBest.id, descending=True)

CURRENT = Split(PersonalBest, PersonalBest.is_current, PersonalBest.is_current_for_others)
"""Condition for the bests that nobody has beaten yet."""


def _where_shown(condition: ColumnElement[bool]) -> Split:
    """Condition on an age grade: whose is not shown is not found by it either."""
    return Split(PersonalBest, condition, condition & shows_age_grades(PersonalBest))


def _of_athlete(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Athlete.id == PersonalBest.athlete_id, condition)


_DISTANCE = PersonalBest.distance == bindparam("distance", type_=Text)

HISTORY_OF_ATHLETE = Collection(PersonalBest, parent=PersonalBest.athlete_id, filters={"distance": _DISTANCE})

LEADERBOARD = Collection(
    PersonalBest,
    filters={
        "distance": _DISTANCE,
        "athlete_sex": _of_athlete(Athlete.sex == bindparam("athlete_sex", type_=Text)),
        "athlete_country": _of_athlete(
            func.lower(Athlete.country) == func.lower(bindparam("athlete_country", type_=Text))
        ),
        "min_age": _where_shown(BestEffort.age_on_day >= bindparam("min_age", type_=Integer)),
        "max_age": _where_shown(BestEffort.age_on_day <= bindparam("max_age", type_=Integer)),
        "achieved_from": cast(PersonalBest.achieved_at, Date) >= bindparam("achieved_from", type_=Date),
        "achieved_until": cast(PersonalBest.achieved_at, Date) <= bindparam("achieved_until", type_=Date),
        "graded": _where_shown(BestEffort.age_grade_percent.is_not(None)),
    },
    always=CURRENT,
)


def _history(name: str, counts: str) -> str:
    """Write two common table expressions, the second of them the improvements among the efforts that count."""
    return f"""
    {name}_ordered AS (
        SELECT id, athlete_id, distance, elapsed_s, achieved_at,
               min(elapsed_s) OVER (
                   PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS best_before
        FROM best_efforts WHERE athlete_id = ANY(:athlete_ids) AND {counts}
    ), {name} AS (
        SELECT id, lag(id) OVER by_time AS previous_id, best_before - elapsed_s AS improvement_s,
               lead(id) OVER by_time IS NULL AS is_current
        FROM {name}_ordered WHERE best_before IS NULL OR elapsed_s < best_before
        WINDOW by_time AS (PARTITION BY athlete_id, distance ORDER BY achieved_at, elapsed_s, id)
    )"""  # noqa: S608 - made of constants


_IMPROVEMENTS = f"""
    WITH {_history("own", "counts")}, {_history("others", "counts_for_others")}, improvements AS (
        SELECT id, e.athlete_id, e.activity_id, e.distance, e.distance_m, e.elapsed_s, e.achieved_at,
               own.id IS NOT NULL AS for_athlete, own.previous_id, own.improvement_s,
               coalesce(own.is_current, false) AS is_current,
               others.id IS NOT NULL AS for_others, others.previous_id AS previous_for_others_id,
               others.improvement_s AS improvement_for_others_s,
               coalesce(others.is_current, false) AS is_current_for_others
        FROM own FULL JOIN others USING (id) JOIN best_efforts e USING (id)
    )
"""  # noqa: S608

_DROP = """
    DELETE FROM personal_bests p WHERE p.athlete_id = ANY(:athlete_ids)
    AND NOT EXISTS (SELECT FROM improvements i WHERE i.id = p.id)
"""

# A best that was beaten stops being current before the one that beat it begins: the indexes allow one at a time.
_STEP_DOWN = """
    UPDATE personal_bests p SET is_current = p.is_current AND i.is_current,
        is_current_for_others = p.is_current_for_others AND i.is_current_for_others
    FROM improvements i
    WHERE i.id = p.id
    AND (p.is_current AND NOT i.is_current OR p.is_current_for_others AND NOT i.is_current_for_others)
"""

_COLUMNS = (
    "athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at, "
    "for_athlete, previous_id, improvement_s, is_current, "
    "for_others, previous_for_others_id, improvement_for_others_s, is_current_for_others"
)
_WRITE = f"""
    INSERT INTO personal_bests (id, {_COLUMNS})
    SELECT id, {_COLUMNS} FROM improvements
    ON CONFLICT (id) DO UPDATE SET ({_COLUMNS}) = ROW(
        excluded.{_COLUMNS.replace(", ", ", excluded.")})
    WHERE (personal_bests.{_COLUMNS.replace(", ", ", personal_bests.")})
        IS DISTINCT FROM (excluded.{_COLUMNS.replace(", ", ", excluded.")})
"""  # noqa: S608


def recalculate() -> tuple[TextClause, ...]:
    """Make the statements that bring the personal bests of `athlete_ids` in step with their efforts."""
    parameter = bindparam("athlete_ids", type_=ARRAY(BigInteger))
    return tuple(text(_IMPROVEMENTS + step).bindparams(parameter) for step in (_DROP, _STEP_DOWN, _WRITE))


def current_bests() -> Executable:
    """Select the current bests of `athlete_ids`, each athlete's own: what is compared to count the changes."""
    return select(PersonalBest.athlete_id, PersonalBest.distance, PersonalBest.id, PersonalBest.elapsed_s).where(
        PersonalBest.athlete_id == any_(bindparam("athlete_ids", type_=ARRAY(BigInteger))), PersonalBest.is_current
    )


def of_distances() -> ColumnElement[bool]:
    """Condition for current bests, over the parameter `distances`."""
    return PersonalBest.distance == any_(bindparam("distances", type_=ARRAY(Text)))
