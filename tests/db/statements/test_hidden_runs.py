"""Recordings of hidden runs are looked for once, whatever PostgreSQL knows of how many there are."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from db.statements.activities import activity_edit
from tests import factories as make

RUNS = 200


@pytest.fixture
def ids(db) -> list[int]:
    athlete_id = make.create_athlete(db)
    return [
        athlete_id,
        *(
            make.create_activity(
                db, athlete_id, started_at=make.NOON + number * timedelta(hours=26)
            )
            for number in range(RUNS)
        ),
    ]


def rows_read(plan: dict[str, Any]) -> float:
    """Rows that a plan reads of tables, those that a filter left out too."""
    own = 0.0
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        own = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    return own + sum(map(rows_read, plan.get("Plans", ())))


@pytest.mark.parametrize("name", ["hide_with_run", "near_hidden"])
def test_each_run_is_looked_at_a_few_times(db, ids, name):
    athlete_id, *activity_ids = ids
    for forbidden in ("hashjoin", "mergejoin", "bitmapscan"):  # what it takes for few rows
        db.execute(text(f"SET LOCAL enable_{forbidden} = off"))
    compiled = getattr(activity_edit, name)().compile(db.engine)
    given = compiled.construct_params({"athlete": athlete_id, "activity_ids": activity_ids})
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    [plan] = db.exec_driver_sql(explained, given).scalar_one()
    assert rows_read(plan["Plan"]) <= 4 * RUNS
