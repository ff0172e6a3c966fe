"""Activities that syncs could not have stand in `sync_problems` and are tried again until they can."""

import pytest

from jobs.sync import derived_rows
from tests.jobs.few_runs import strava  # noqa: F401 - the fixture
from tests.jobs.simulated import RUNNER
from tests.jobs.test_strava_sync import even_track

PROBLEMS = (
    "SELECT strava_id, activity_id IS NOT NULL AS is_stored, stage, code, tries, "
    "round(extract(epoch FROM next_try_at - tried_at))::int AS pause_s FROM sync_problems ORDER BY 1"
)


@pytest.fixture
def runner(world):
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    return runner


@pytest.fixture
def impatient(world):
    """Jobs give an activity up at the first attempt."""
    world.settings = world.settings.model_copy(update={"job_max_attempts": 1})


def due(world) -> None:
    world.write("UPDATE sync_problems SET next_try_at = now()")


def retry(world, runner) -> dict:
    due(world)
    return world.sync(runner, cause="problems")


def newest(world) -> int:
    return world.strava.activities()[0]["id"]


def test_streams_that_always_fail_are_a_problem_until_they_come(world, runner, impatient):
    strava_id = world.strava.add(streams=even_track(5000, 1500))
    world.strava.fault("server_error", path=f"/activities/{strava_id}/streams", times=None)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    expected = {
        "strava_id": strava_id,
        "is_stored": True,
        "stage": "DERIVING",
        "code": "STRAVA_UNAVAILABLE",
        "tries": 1,
        "pause_s": 600,
    }
    assert world.rows(PROBLEMS) == [expected]
    since = world.value("SELECT since FROM sync_problems")
    for tries, pause_s in ((2, 3_600), (3, 21_600), (4, 86_400), (5, 259_200), (6, 604_800)):
        assert retry(world, runner)["status"] == "SUCCEEDED"
        assert world.rows(PROBLEMS) == [expected | {"tries": tries, "pause_s": pause_s}]
    assert world.value("SELECT since FROM sync_problems") == since
    world.strava.heal()
    assert retry(world, runner)["status"] == "SUCCEEDED"
    assert world.rows(PROBLEMS) == []
    state = "SELECT streams_state FROM activities WHERE strava_id = :id"
    assert world.value(state, id=strava_id) != "PENDING"


def test_what_somebody_asked_for_goes_before_backfills(world, runner, impatient):
    strava_id = world.strava.add(streams=even_track(5000, 1500))
    world.strava.fault("server_error", path=f"/activities/{strava_id}/streams", times=None)
    world.sync(runner)
    world.strava.heal()
    # Less is left than what backfills leave to others.
    world.strava.control("PUT", "/rate-limits", json={"read_quarter_hour": 100, "used": 85})
    job = retry(world, runner)
    assert (job["status"], job["quota_until"] is not None) == ("WAITING", True)
    world.cancel(job["id"])
    world.write("UPDATE sync_problems SET is_asked_for = true")
    assert retry(world, runner)["status"] == "SUCCEEDED"
    assert world.rows(PROBLEMS) == []


def test_several_attempts_of_one_job_count_once(world, runner):
    strava_id = newest(world)
    world.write("UPDATE activities SET streams_state = 'PENDING' WHERE strava_id = :i", i=strava_id)
    world.strava.fault("server_error", path=f"/activities/{strava_id}/streams", times=None)
    job = world.sync(runner)
    while job["status"] == "WAITING":
        world.write(
            "UPDATE jobs SET status = 'QUEUED', waiting_until = NULL WHERE id = :i", i=job["id"]
        )
        job = world.work(job["id"])
    assert (job["status"], job["attempts"]) == ("SUCCEEDED", world.settings.job_max_attempts)
    assert [(row["tries"], row["pause_s"]) for row in world.rows(PROBLEMS)] == [(1, 600)]


@pytest.mark.parametrize("fault", ["server_error", "forbidden_page"])
def test_an_activity_that_cannot_be_read_is_tried_by_the_reconcilers_job(
    world, runner, impatient, fault
):
    strava_id = world.strava.add(distance=5000.0, moving_time=1500, elapsed_time=1500)
    world.strava.fault(fault, path=rf"/activities/{strava_id}$", times=None)
    world.write(
        "INSERT INTO strava_events (connection_id, object_type, object_id) "
        "SELECT id, 'activity', :i FROM strava_connections", i=strava_id,
    )  # fmt: skip
    assert world.work(world.create(runner, "STRAVA_WEBHOOK"))["status"] == "SUCCEEDED"
    [problem] = world.rows(PROBLEMS)
    assert (problem["strava_id"], problem["is_stored"], problem["stage"]) == (
        strava_id, False, "READING",
    )  # fmt: skip
    world.strava.heal()
    world.write("DELETE FROM strava_events")
    due(world)
    world.start_workers(1)
    world.until(lambda: not world.rows(PROBLEMS))
    assert world.value("SELECT count(*) FROM activities WHERE strava_id = :i", i=strava_id) == 1
    world.until(
        lambda: world.rows(
            "SELECT 1 FROM jobs WHERE arguments = '{\"cause\": \"problems\"}' AND status = 'SUCCEEDED'"
        )
    )


def test_a_listed_activity_that_cannot_be_read_is_solved_when_the_list_is_right(world, runner):
    strava_id = newest(world)
    world.strava.change(strava_id, elapsed_time=2**40)
    world.sync(runner)
    [problem] = world.rows(PROBLEMS)
    assert (problem["strava_id"], problem["code"], problem["stage"]) == (
        strava_id, "STRAVA_BAD_DATA", "READING",
    )  # fmt: skip
    world.strava.change(strava_id, elapsed_time=1800)
    world.sync(runner)
    assert world.rows(PROBLEMS) == []


def test_what_is_gone_from_strava_is_no_problem(world, runner, impatient):
    strava_id = newest(world)
    world.strava.change(strava_id, elapsed_time=2**40)
    world.sync(runner)
    world.strava.delete(strava_id)
    assert retry(world, runner)["activities_deleted"] == 1
    assert world.rows(PROBLEMS) == []


def test_a_derivation_that_fails_is_tried_from_the_stored_streams(world, runner, monkeypatch):
    strava_id = newest(world)
    grade = derived_rows.grade_columns

    def fail(_runner, _distance_m, _elapsed_s, day):
        if day == monday:
            raise RuntimeError("of this activity only")
        return grade(_runner, _distance_m, _elapsed_s, day)

    monday = world.value(
        "SELECT started_at_local::date FROM activities WHERE strava_id = :i", i=strava_id
    )
    before = world.derived()
    monkeypatch.setattr(derived_rows, "grade_columns", fail)
    assert world.work(world.create(runner, "PERSONAL_BESTS"))["status"] == "SUCCEEDED"
    assert strava_id in {row["strava_id"] for row in world.rows(PROBLEMS)}
    retry(world, runner)
    assert {row["tries"] for row in world.rows(PROBLEMS)} == {2}
    assert {row["code"] for row in world.rows(PROBLEMS)} == {"INTERNAL"}
    monkeypatch.undo()
    world.strava.forget_requests()
    retry(world, runner)
    assert (world.rows(PROBLEMS), world.strava.requests("/streams")) == ([], 0)
    assert world.derived() == before


def test_while_strava_answers_nobody_nothing_is_tried_and_the_pause_holds(world, runner, impatient):
    world.write(
        "INSERT INTO sync_problems (connection_id, athlete_id, strava_id, stage, code, message, job_id, next_try_at) "
        "SELECT id, athlete_id, 1, 'READING', 'STRAVA_UNAVAILABLE', '', 1, now() FROM strava_connections"
    )
    world.strava.fault("unavailable", path="/api/v3", times=None)
    assert world.sync(runner, cause="problems")["status"] == "FAILED"
    assert world.value("SELECT next_try_at > now() FROM sync_problems")


def test_a_disconnect_takes_the_problems_along(world, runner):
    world.strava.change(newest(world), elapsed_time=2**40)
    world.sync(runner)
    assert len(world.rows(PROBLEMS)) == 1
    assert world.work(world.create(runner, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    assert world.rows(PROBLEMS) == []


def test_an_item_without_an_id_is_one_problem_until_a_whole_list_is_right(world, runner):
    world.write(
        "INSERT INTO sync_problems (connection_id, athlete_id, stage, code, message, job_id) "
        "SELECT id, athlete_id, 'READING', 'STRAVA_BAD_DATA', '', 1 FROM strava_connections"
    )
    world.sync(runner)
    assert len(world.rows(PROBLEMS)) == 1  # not the whole list
    world.sync(runner, mode="FULL")
    assert world.rows(PROBLEMS) == []


def test_what_was_asked_for_is_paid_by_the_budget_and_the_rest_is_not(world, runner, impatient):
    levels = "SELECT level FROM sync_budgets"
    world.strava.fault("server_error", path=r"/activities/\d+$", times=None)
    ids = [activity["id"] for activity in world.strava.activities(RUNNER)[:2]]
    for strava_id in ids:
        world.write(
            "INSERT INTO sync_problems (connection_id, athlete_id, strava_id, stage, code, message, job_id, next_try_at, "
            "is_asked_for) SELECT id, athlete_id, :i, 'READING', 'INTERNAL', '', 1, now(), :asked FROM strava_connections",
            i=strava_id, asked=strava_id == ids[0],
        )  # fmt: skip
    world.write("UPDATE sync_budgets SET level = 10, measured_at = now()")
    world.sync(runner, cause="problems")
    assert 9 <= world.value(levels) < 9.1
