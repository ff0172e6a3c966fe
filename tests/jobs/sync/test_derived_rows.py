"""Age grades as columns of a best effort's row."""

from datetime import date

import pytest

from athletics.age_grade_table import Sex
from db.statements.performance.best_effort import GRADE_COLUMNS
from jobs.sync.derived_rows import Runner, grade_columns

DAY = date(2026, 11, 28)


def test_an_effort_is_graded_by_sex_and_age_on_the_day():
    columns = grade_columns(Runner(Sex.FEMALE, date(1976, 11, 28)), 5000.0, 1500.0, DAY)
    assert set(columns) == set(GRADE_COLUMNS)
    assert columns["age_on_day"] == 50
    day_before = grade_columns(Runner(Sex.FEMALE, date(1976, 11, 29)), 5000.0, 1500.0, DAY)
    assert day_before["age_on_day"] == 49
    assert 0 < day_before["age_grade_percent"] < columns["age_grade_percent"] < 100


@pytest.mark.parametrize(
    "runner",
    [
        Runner(None, date(1976, 11, 28)),
        Runner(Sex.MALE, None),
        Runner(Sex.MALE, date(1890, 1, 1)),
        Runner(Sex.MALE, date(2026, 1, 1)),
    ],
    ids=["sex unknown", "birth date unknown", "older than the tables", "younger than the tables"],
)
def test_without_what_a_grade_needs_all_columns_are_none(runner):
    assert grade_columns(runner, 5000.0, 1500.0, DAY) == dict.fromkeys(GRADE_COLUMNS)
