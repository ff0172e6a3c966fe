"""Names that contain a text are found by an index."""

from sqlalchemy import bindparam, select, text

from db.models import Activity
from db.statements.search import contains


def test_a_condition_on_names_can_use_the_index_of_trigrams(db):
    """Few rows would be read without it, so other ways are forbidden."""
    statement = select(Activity.id).where(contains(Activity.name, bindparam("part")))
    compiled = statement.compile(db.engine)
    db.execute(text("SET enable_seqscan = off"))
    db.execute(text("SET enable_indexscan = off"))
    try:
        plan = db.exec_driver_sql(f"EXPLAIN {compiled}", {"part": "100% of_it"}).scalars().all()
    finally:
        db.execute(text("RESET enable_seqscan"))
        db.execute(text("RESET enable_indexscan"))
    assert any("Index Scan on ix_activities_name_trigrams" in line for line in plan), plan
    [condition] = [line for line in plan if "Index Cond" in line]
    assert r"~~ '%100\% of\_it%'" in condition
