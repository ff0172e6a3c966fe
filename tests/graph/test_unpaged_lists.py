"""Lists without pages have a bound, so that an answer is not much larger than its cost says."""

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

MOST, MOST_RECORDINGS = 100, 20
TOO_MANY = 103
HELD = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Athlete {
    gear { name } syncProblems { stravaId } jobs { nodes { problems { stravaId } } } } } }"""
RECORDINGS = (
    """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Activity { recordings { id } } } }"""
)


def hold_too_much(db, person) -> None:
    athlete_id = person.athlete_id
    job = make.create_job(db, athlete_id)
    make.create_connection(db, athlete_id)
    for number in range(TOO_MANY):
        make.create_gear(db, athlete_id, name=f"{number:03}")
        make.create_job_problem(db, job, athlete_id, strava_id=number)
        make.create_sync_problem(db, person, strava_id=number)


async def test_the_first_hundred_are_listed(api, db):
    admin = make.create_admin(db)
    people = [make.create_person(db) for _ in range(2)]
    for each in people:
        hold_too_much(db, each)
    found = (await api.ask(HELD, admin.token, ids=[each.id for each in people]))["nodes"]
    first = [str(number) for number in range(MOST)]
    for each in found:
        assert [gear["name"] for gear in each["gear"]] == [f"{number:03}" for number in range(MOST)]
        assert [problem["stravaId"] for problem in each["syncProblems"]] == first
        [job] = each["jobs"]["nodes"]
        assert [problem["stravaId"] for problem in job["problems"]] == first


async def test_a_run_lists_its_first_recordings(api, db):
    person = make.create_person(db)
    runs = [make.create_activity(db, person.athlete_id) for _ in range(2)]
    others = [
        make.create_activity(db, person.athlete_id, duplicate_of_id=run)
        for run in runs
        for _ in range(MOST_RECORDINGS + 3)
    ]
    asked = [encode_id("Activity", each) for each in (*runs, others[0])]
    first, second, again = (await api.ask(RECORDINGS, person.token, ids=asked))["nodes"]
    assert [each["recordings"][0]["id"] for each in (first, second)] == asked[:2]
    assert [len(each["recordings"]) for each in (first, second)] == [MOST_RECORDINGS] * 2
    assert again == first
