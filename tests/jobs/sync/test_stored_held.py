"""One statement stores samples only where the job, the athlete and the activity are as they were."""

from types import SimpleNamespace

import pytest
from sqlalchemy import Connection

from db.models import StreamsState
from db.statements.activities import stream as streams
from jobs.sync.effort_sources import Material, held_values
from jobs.sync.stored_streams import EncodedStreams
from tests import factories as make

COUNTS = """
    SELECT (SELECT count(*) FROM activity_streams), (SELECT count(*) FROM activity_stream_levels),
        (SELECT count(*) FROM activities WHERE streams_state = 'STORED')
"""


class Held:
    """An activity of a connected athlete whose job runs."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.athlete = make.create_athlete(db)
        make.create_connection(db, self.athlete)
        self.activity = make.create_activity(db, self.athlete, streams_state="PENDING")
        self.job = make.create_job(db, self.athlete, status="RUNNING", attempts=2)

    def store(self, attempt: int = 2, sample_count: int = 300):
        """Cancelled, connected, and has some; then the counts of what is stored."""
        [updated_at] = self._db.exec_driver_sql(
            "SELECT updated_at FROM activities WHERE id = %s", (self.activity,)
        ).one()
        activity = SimpleNamespace(id=self.activity, athlete_id=self.athlete, updated_at=updated_at)
        encoded = EncodedStreams.from_samples(make.samples(sample_count))
        values = held_values(activity, Material(StreamsState.STORED, encoded=encoded))
        told = self._db.execute(
            streams.store_held(), {**values, "job_id": self.job, "attempt": attempt}
        ).one()
        return tuple(told), tuple(self._db.exec_driver_sql(COUNTS).one())


def test_samples_are_stored_with_their_levels_and_state(db):
    assert Held(db).store() == ((False, True, False), (1, 2, 1))


def test_few_samples_have_no_levels(db):
    assert Held(db).store(sample_count=10) == ((False, True, False), (1, 0, 1))


def test_nothing_is_stored_of_an_activity_that_has_samples(db):
    held = Held(db)
    held.store()
    assert held.store(sample_count=10) == ((False, True, True), (1, 2, 1))


def test_nothing_is_stored_for_another_attempt(db):
    assert Held(db).store(attempt=1) == ((None, False, False), (0, 0, 0))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE jobs SET cancel_requested = true", (True, False, False)),
        ("DELETE FROM strava_connections", (False, False, False)),
    ],
)
def test_nothing_is_stored_once_the_job_is_cancelled_or_the_athlete_gone(db, statement, told):
    held = Held(db)
    db.exec_driver_sql(statement)
    assert held.store() == (told, (0, 0, 0))
