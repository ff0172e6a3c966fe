"""Which mutations `athleteChanged` tells of: all that change what a page of the athlete shows."""

import pytest

from tests import factories as make
from tests.graph.test_mutation import MUTATIONS, inputs_of, mutate

pytestmark = pytest.mark.anyio

ACTIVITIES, DELETED, BESTS, ATHLETE = "activity_ids", "deleted_ids", "distances", "of_athlete"
TOLD = {
    "updateAthlete": {ATHLETE},
    "createGear": {ATHLETE},
    "updateGear": {ATHLETE},
    "deleteGear": {ATHLETE},
    "updateActivity": {ACTIVITIES},
    "deleteActivity": {DELETED, ACTIVITIES},  # the other recording of the run
    "chooseRecording": {ACTIVITIES},
    "separateRecording": {ACTIVITIES},
    "deleteOriginal": {ACTIVITIES},
    "excludeBestEffort": {ACTIVITIES},
    "restoreActivity": {ATHLETE},
}
TOLD_BY_THE_JOB = {
    "disconnectStrava", "syncStrava", "importActivities", "exportAthlete", "retrySyncProblems",
    "recalculatePersonalBests", "recalculateAgeGrades", "cancelJob", "retryJob",
}  # fmt: skip
OF_NO_ATHLETE = {"stageUploads", "createApiToken", "revokeApiToken", "submitFeedback"}


def test_every_mutation_is_of_one_kind():
    kinds = [set(TOLD), TOLD_BY_THE_JOB, OF_NO_ATHLETE]
    assert set.union(*kinds) == set(MUTATIONS)
    assert sum(map(len, kinds)) == len(MUTATIONS)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_what_a_mutation_changes_is_told(shared_api, shared_db, name):
    person = make.create_person(shared_db)
    given = inputs_of(shared_db, person)[name]
    await mutate(shared_api, name, person.token, **given)
    rows = shared_db.exec_driver_sql(
        "SELECT * FROM athlete_changes WHERE athlete_id = %s", (person.athlete_id,)
    )
    told = {
        column
        for row in rows.mappings()
        for column in (ACTIVITIES, DELETED, ATHLETE)
        if row[column]
    }
    assert told == TOLD.get(name, set())


@pytest.mark.parametrize("given", [{"name": "Old"}, {"retired": True}, {}])
async def test_an_edit_of_nothing_is_not_told(shared_api, shared_db, given):
    person = make.create_person(shared_db)
    gear = inputs_of(shared_db, person)["updateGear"]["gearId"]
    await mutate(shared_api, "updateGear", person.token, gearId=gear, **given)
    count = "SELECT count(*) FROM athlete_changes WHERE athlete_id = %s AND of_athlete"
    told = shared_db.exec_driver_sql(count, (person.athlete_id,)).scalar_one()
    assert told == bool(given)
