"""What is kept of rows is what statements would write."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from db.models import Activity
from db.statements.json_sql import Form, Literal, Value, global_id, joined, value
from db.statements.listed_row import VALUE_SEPARATOR, ListedRow
from tests import factories as make

ROWS = {
    "as usual": {"average_heart_rate_bpm": 151.25, "max_heart_rate_bpm": 180.0},
    "with little": {"elevation_gain_m": None, "distance_m": 0.0, "moving_time_s": 0},
    "of texts": {"name": 'A "b"\\ \x1f\n\u2028 ü 🏃 \x7f', "sport_type": "Trail\tRun"},
    "of noise": {"distance_m": 10000.0005, "elevation_gain_m": 0.1 + 0.2, "max_heart_rate_bpm": 1 / 3},
    "of negatives": {"elevation_gain_m": -0.0001},
    "of large ones": {"distance_m": 1e15, "elevation_gain_m": 1e300},
    "of moments": {
        "started_at": datetime(1969, 12, 31, 23, 59, 59, 120000, UTC),
        "started_at_local": datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001 - it is local
    },
}  # fmt: skip
FORMS = (
    None, Form.TEXT, Form.TEXT, Form.INSTANT, Form.LOCAL, Form.THOUSANDTHS, Form.NUMBER, Form.NUMBER,
    Form.THOUSANDTHS, Form.MILLIONTHS, Form.MILLIONTHS,
)  # fmt: skip
NULLABLE = {"elevation_gain_m", "average_heart_rate_bpm", "max_heart_rate_bpm"}


@pytest.fixture
def kept() -> ListedRow:
    found = ListedRow.of(Activity)
    assert found is not None
    return found


def written(kept: ListedRow) -> str:
    """SQL of the values as statements write them one by one."""
    parts: list[Literal | Value] = []
    for name, form in zip(kept.places, FORMS, strict=True):
        parts += [Literal(VALUE_SEPARATOR)] if parts else []
        parts += (
            global_id("Activity", name)
            if form is None
            else value(form, name, nullable=name in NULLABLE)
        )
    return joined(parts)


def test_a_row_keeps_what_statements_write(db, kept):
    """After it was made, after it was changed, and where nothing was kept."""
    athlete_id = make.create_athlete(db)
    ids = {make.create_activity(db, athlete_id, **columns): name for name, columns in ROWS.items()}
    changed = next(iter(ids))
    db.execute(
        text("UPDATE activities SET distance_m = 12345.6789, name = 'New' WHERE id = :id"),
        {"id": changed},
    )
    query = select(Activity.id, Activity.listed_json, kept.kept.label("kept"), text(written(kept)))
    rows = db.execute(query).all()
    assert len(rows) == len(ROWS)
    for row_id, column, shown, expected in rows:
        assert column == shown == expected, ids[row_id]
        assert shown.count(VALUE_SEPARATOR) == kept.size - 1
    assert any('"New"' in row.kept and "12345.679" in row.kept for row in rows)
    db.execute(text("UPDATE activities SET listed_json = NULL"))
    again = db.execute(query).all()
    assert [(row[0], None, row[2], row[3]) for row in rows] == [tuple(row) for row in again]


def test_it_does_not_depend_on_how_a_session_writes(db, kept):
    db.execute(text("SET datestyle = 'German'; SET extra_float_digits = -5"))
    try:
        make.create_activity(db, distance_m=1234.567)
    finally:
        db.execute(text("RESET datestyle; RESET extra_float_digits"))
    column, expected = db.execute(select(Activity.listed_json, text(written(kept)))).one()
    assert column == expected
    assert "1234.567" in column


def test_it_is_written_by_logical_replication_too(db):
    """Its worker names no schemas, and no trigger but those that are always on runs for it."""
    make.create_activity(db, name="Old")
    db.execute(text("SET session_replication_role = replica; SET search_path = ''"))
    try:
        db.execute(text("UPDATE public.activities SET name = 'New'"))
    finally:
        db.execute(text("RESET session_replication_role; RESET search_path"))
    assert '"New"' in db.execute(select(Activity.listed_json)).scalar_one()
