"""What a job tells of its changes: by plan and by graphql-core."""

import pytest

from db.statements.athletes import athlete_change
from db.statements.visibility import Audience
from graph.global_id import encode_id
from graph.types.job import JOB_BY_ID
from tests import factories as make

pytestmark = pytest.mark.anyio

RESULT = """query($id: ID!) { job(id: $id) { result {
    changedActivityIds deletedActivityIds changedDistances } } }"""


async def test_it_names_what_changed_and_is_still_there(api, db):
    person = make.create_person(db)
    job, other = (
        make.create_job(db, person.athlete_id, started_at=make.NOON, kind=kind)
        for kind in ("STRAVA_SYNC", "IMPORT")
    )
    one, two, three = (make.create_activity(db, person.athlete_id) for _ in range(3))
    gone = 2**62 + 2
    for of_job, changed in (
        (job, {"activities": [one, two], "distances": ["KM5"]}),
        (job, {"activities": [two, 2**62 + 1], "distances": ["KM5", "KM10", "MILE1", "M400"]}),
        (other, {"activities": [three], "deleted": [gone]}),
    ):
        values = athlete_change.changes(person.athlete_id, of_job, **changed)
        db.execute(athlete_change.record(), values)
    for each, activities, deleted, distances in (
        (job, [one, two], [], ["M400", "MILE1", "KM5", "KM10"]),
        (other, [three], [gone], []),
    ):
        answer = await api.ask(RESULT, person.token, id=encode_id("Job", each))
        result = answer["job"]["result"]
        assert sorted(result["changedActivityIds"]) == sorted(
            encode_id("Activity", activity) for activity in activities
        )
        assert result["deletedActivityIds"] == [encode_id("Activity", each) for each in deleted]
        assert result["changedDistances"] == distances


async def test_it_is_looked_for_only_where_it_is_selected(api, db):
    """Each event of a job in progress reads the job's row."""
    person = make.create_person(db)
    job = make.create_job(db, person.athlete_id, started_at=make.NOON)
    row = "query($id: ID!) { job(id: $id) { id status result { activitiesCreated } } }"
    for query, is_searched in ((row, False), (RESULT, True)):
        for planned in (True, False):
            statements = await api.statements(
                query, person.token, planned=planned, id=encode_id("Job", job)
            )
            assert any("athlete_changes" in each for each in statements) is is_searched
    assert "athlete_changes" not in str(JOB_BY_ID.statement(None, Audience.ADMIN))
