"""Names that contain a text are found by an index, or without it among those of one athlete."""

import pytest
from sqlalchemy import select, text

from db.models import Activity
from db.statements.activities.activity import ACTIVITIES, ACTIVITIES_OF_ATHLETE
from db.statements.visibility import Audience, Search
from tests import factories as make

SEARCH = ACTIVITIES.filters["name_contains"]


def test_a_condition_on_names_can_use_the_index_of_trigrams(db):
    """Few rows would be read without it, so other ways are forbidden."""
    assert isinstance(SEARCH, Search)
    compiled = select(Activity.id).where(SEARCH.of_all).compile(db.engine)
    given = {"name_contains": "100% of_it"}
    db.execute(text("SET enable_seqscan = off"))
    db.execute(text("SET enable_indexscan = off"))
    try:
        plan = db.exec_driver_sql(f"EXPLAIN {compiled}", given).scalars().all()
    finally:
        db.execute(text("RESET enable_seqscan"))
        db.execute(text("RESET enable_indexscan"))
    assert any("Index Scan on ix_activities_name_trigrams" in line for line in plan), plan
    [condition] = [line for line in plan if "Index Cond" in line]
    assert r"~~ '%100\% of\_it%'" in condition


@pytest.mark.parametrize("part", ["", "x", "100% OF_it", "ÄÖ", "\\\\", "none such"])
def test_rows_of_one_athlete_are_found_without_it_alike(db, part):
    names = ["a run", "100% of_it, ÄÖ", "100 of it", "back\\\\slash", "XX"]
    for name in names:
        make.create_activity(db, name=name)
    found = [
        db.execute(select(Activity.name).where(each), {"name_contains": part}).scalars().all()
        for each in (SEARCH.of_all, SEARCH.of_one)
    ]
    assert sorted(found[0]) == sorted(found[1])
    assert set(found[0]) == {name for name in names if part.lower() in name.lower()}
    assert SEARCH.condition_for(Audience.ATHLETE) is SEARCH.of_one
    assert SEARCH.condition_for(Audience.ADMIN) is SEARCH.of_all
    assert ACTIVITIES_OF_ATHLETE.filters["name_contains"] is SEARCH.of_one
