"""An athlete's sex or birth date that changes while a job recalculates by them."""

from datetime import date

import pytest

from tests import factories as make

# As `updateAthlete` does, which finds the job that runs and starts no other.
CHANGE = """
    CREATE FUNCTION change_athlete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE athletes SET sex = 'FEMALE', birth_date = '1990-05-17'; RETURN NULL;
    END $$;
    CREATE TRIGGER change_athlete AFTER UPDATE ON jobs FOR EACH ROW
        WHEN (new.attempts = 1 AND new.progress_done > 0) EXECUTE FUNCTION change_athlete();
"""
GRADE = "SELECT age_on_day, age_grade_sex FROM best_efforts WHERE distance = 'KM5'"


@pytest.mark.parametrize("kind", ["AGE_GRADES", "PERSONAL_BESTS"])
def test_the_job_begins_again_and_ends_as_the_athlete_is(world, kind):
    with world.database.write() as connection:
        runner = make.create_athlete(connection, sex="MALE", birth_date=date(1980, 5, 17))
        run = make.create_activity(
            connection, runner, distance_m=5000.0, elapsed_time_s=1500, streams_state="ABSENT"
        )
        make.create_best_effort(connection, run, elapsed_s=1500.0, provenance="WHOLE_ACTIVITY")
    world.write(CHANGE)
    job_id = world.create(runner, kind)
    outdated = world.work(job_id)
    assert (outdated["status"], outdated["checkpoint"], outdated["progress_done"]) == (
        "QUEUED",
        {},
        0,
    )
    assert world.one(GRADE) == {"age_on_day": 45, "age_grade_sex": "MALE"}
    job = world.work(job_id)
    assert (job["status"], job["attempts"], job["finished_at"] is not None) == (
        "SUCCEEDED",
        2,
        True,
    )
    assert world.one(GRADE) == {"age_on_day": 35, "age_grade_sex": "FEMALE"}
    assert world.work(job_id) == job
