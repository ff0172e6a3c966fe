"""What is derived beside the efforts: a part that cannot be costs nothing else, and is told."""

import pytest

from tests.jobs.few_runs import strava  # noqa: F401 - the fixture

TIMES = list(range(0, 1001, 5))
STREAMS = {
    "time": TIMES,
    "distance": [3.0 * each for each in TIMES],
    "heartrate": [140] * len(TIMES),
    "latlng": [[38.7 + each * 2.7e-5, -9.1] for each in TIMES],
}
PARTS = ("activity_splits", "activity_heart_rates", "activity_routes")
PROBLEMS = "SELECT strava_id, code FROM {} ORDER BY 1"


def held(world, strava_id: int) -> set[str]:
    """Tables with rows of the activity."""
    of = "SELECT count(*) FROM {} p JOIN activities a ON a.id = p.activity_id WHERE strava_id = :id"
    tables = (*PARTS, "activity_laps", "best_efforts", "activity_streams")
    return {table for table in tables if world.value(of.format(table), id=strava_id)}


def refuse(world, table: str) -> None:
    world.write(f"ALTER TABLE {table} ADD CONSTRAINT surprise CHECK (false) NOT VALID")


@pytest.mark.parametrize("table", PARTS)
def test_a_part_that_cannot_be_stored_costs_no_other(world, table):
    runner = world.connect()
    strava_id = world.strava.add(streams=STREAMS)
    refuse(world, table)
    assert world.sync(runner, activity_id=strava_id)["status"] == "SUCCEEDED"
    whole = {*PARTS, "activity_laps", "best_efforts", "activity_streams"}
    told = [{"strava_id": strava_id, "code": "INTERNAL"}]
    assert held(world, strava_id) == whole - {table}
    assert world.value("SELECT count(*) FROM personal_bests") > 0
    assert [world.rows(PROBLEMS.format(each)) for each in ("job_problems", "sync_problems")] == [
        told,
        told,
    ]
    recalculation = world.create(runner, "PERSONAL_BESTS")
    assert world.work(recalculation)["status"] == "SUCCEEDED"
    assert held(world, strava_id) == whole - {table}
    of_job = f"SELECT strava_id, code FROM job_problems WHERE job_id = {recalculation}"
    assert world.rows(of_job) == told

    world.write(f"ALTER TABLE {table} DROP CONSTRAINT surprise")
    world.write("UPDATE sync_problems SET next_try_at = now()")
    assert world.sync(runner, cause="problems")["status"] == "SUCCEEDED"
    assert held(world, strava_id) == whole
    assert world.rows(PROBLEMS.format("sync_problems")) == []


def test_details_that_cannot_be_stored_do_not_cost_the_activity(world):
    runner = world.connect()
    lap = {"start_date": "2024-06-01T08:00:00Z", "elapsed_time": 300, "distance": 1000}
    strava_id = world.strava.add(
        streams=STREAMS, start_date="2024-06-01T08:00:00Z", description="Said", laps=[lap]
    )
    refuse(world, "activity_laps")
    for arguments in ({"activity_id": strava_id}, {}):
        assert world.sync(runner, **arguments)["status"] == "SUCCEEDED"
        assert held(world, strava_id) >= {*PARTS, "best_efforts"}
    of = "SELECT description, details_retry_at > now() AS later FROM activities WHERE strava_id = :id"
    assert world.one(of, id=strava_id) == {"description": None, "later": True}
    world.write("ALTER TABLE activity_laps DROP CONSTRAINT surprise")
    world.sync(runner, activity_id=strava_id)
    assert world.one(of, id=strava_id)["description"] == "Said"
    assert "activity_laps" in held(world, strava_id)
