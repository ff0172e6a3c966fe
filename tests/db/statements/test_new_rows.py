"""Rows of some activities are replaced by one statement, and what stays the same is not written."""

import pytest
from sqlalchemy import Connection, text

from db.models import ActivitySplit
from db.statements.new_rows import replace, values_of
from db.statements.performance.best_effort import GRADE_COLUMNS, write_efforts
from tests import factories as make

COLUMNS = (
    "activity_id", "athlete_id", "unit", "split_number", "start_offset_s", "distance_m",
    "elapsed_time_s", "moving_time_s", "is_partial",
)  # fmt: skip
KEYS = ("activity_id", "unit", "split_number")


class Splits:
    def __init__(self, db: Connection) -> None:
        self._db = db
        self.athlete = make.create_athlete(db)
        self.runs = [make.create_activity(db, self.athlete) for _ in range(3)]

    def replace(self, runs: list[int], *rows: tuple[int, int, float]) -> None:
        """Make rows of run, number and seconds those of the runs."""
        values = [
            dict(zip(COLUMNS, (run, self.athlete, "KILOMETER", number, 0, 1000, s, s, False), strict=True))
            for run, number, s in rows
        ]  # fmt: skip
        statement = replace(ActivitySplit, COLUMNS, KEYS)
        self._db.execute(statement, {"activity_ids": runs, "rows": values_of(values)})

    def found(self) -> dict[tuple[int, int], tuple[float, str]]:
        """Seconds and the transaction that wrote it, by run and number."""
        rows = self._db.execute(
            text(
                "SELECT activity_id, split_number, elapsed_time_s, xmin::text FROM activity_splits"
            )
        )
        return {(run, number): (seconds, written) for run, number, seconds, written in rows}


def test_only_what_differs_is_written_and_only_of_the_activities_named(db):
    splits = Splits(db)
    one, two, other = splits.runs
    splits.replace(splits.runs, (one, 1, 300), (one, 2, 310), (two, 1, 320), (other, 1, 330))
    before = splits.found()
    splits.replace([one, two], (one, 1, 300), (one, 2, 315), (one, 3, 305))
    after = splits.found()
    assert {key: seconds for key, (seconds, _) in after.items()} == {
        (one, 1): 300, (one, 2): 315, (one, 3): 305, (other, 1): 330,
    }  # fmt: skip
    assert after[one, 1] == before[one, 1]
    assert after[other, 1] == before[other, 1]
    splits.replace([one])
    assert splits.found().keys() == {(other, 1)}


@pytest.mark.parametrize("elapsed_s", [1200.0, 1199.0])
def test_an_effort_that_is_written_again_stays_excluded_and_counts_as_before(db, elapsed_s):
    run = make.create_activity(db)
    make.create_best_effort(db, run, excluded=True, counts=True)
    make.create_best_effort(db, run, distance="KM1", distance_m=1000.0)
    row = db.execute(text("SELECT * FROM best_efforts WHERE distance = 'KM5'")).mappings().one()
    names = (
        "athlete_id", "activity_id", "distance", "distance_m", "start_offset_s", "achieved_at",
        "provenance", "implied", *GRADE_COLUMNS,
    )  # fmt: skip
    again = {name: row[name] for name in names} | {"elapsed_s": elapsed_s, "counts": False}
    db.execute(write_efforts(), {"activity_ids": [run], "rows": values_of([again])})
    [found] = db.execute(text("SELECT * FROM best_efforts")).mappings()
    assert found == {**row, "elapsed_s": elapsed_s}
