"""Lists of jobs by kind and status: a single value has a condition of its own."""

import pytest

from tests import factories as make

pytestmark = pytest.mark.anyio

KINDS = ("AGE_GRADES", "EXPORT", "IMPORT")
STATUSES = ("SUCCEEDED", "FAILED", "CANCELLED")
QUERY = """query($filter: JobFilter, $athlete: ID!) {
    jobs(filter: $filter) { totalCount nodes { kind status } }
    athlete(id: $athlete) { jobs(filter: $filter) { nodes { kind status } } } }"""


async def test_jobs_are_of_the_kinds_and_statuses_that_are_asked_for(api, db):
    admin, person = make.create_admin(db), make.create_person(db)
    made = [(kind, status) for kind in KINDS for status in STATUSES]
    for kind, status in made:
        error = {"error_code": "INTERNAL", "error_message": "It failed.", "error_retryable": True}
        failed = error if status == "FAILED" else {}
        make.create_job(db, person.athlete_id, kind=kind, status=status, **failed)
    for kinds in (None, [], ["EXPORT"], ["EXPORT", "IMPORT"], ["STRAVA_SYNC"]):
        for statuses in (None, [], ["FAILED"], ["SUCCEEDED", "CANCELLED"], ["RUNNING"]):
            wanted = [
                {"kind": kind, "status": status}
                for kind, status in made
                if (kinds is None or kind in kinds) and (statuses is None or status in statuses)
            ]
            asked = {"kinds": kinds, "statuses": statuses}
            found = await api.ask(QUERY, admin.token, filter=asked, athlete=person.id)
            of_athlete = found["athlete"]["jobs"]["nodes"]
            assert found["jobs"]["nodes"] == of_athlete
            assert sorted(of_athlete, key=str) == sorted(wanted, key=str)
            assert found["jobs"]["totalCount"] == len(wanted)
