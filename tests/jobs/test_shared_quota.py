"""One quota for all workers, with the simulated Strava as referee."""

import time

import pytest
from sqlalchemy import text

from db.statements import job_upkeep
from jobs.reconcile import Reconciler

pytestmark = pytest.mark.whole

ATHLETES = (1001, 1002, 1003)


@pytest.fixture(autouse=True)
def _within_one_window():
    """The windows are Strava's, of real time: do not begin where one ends."""
    while 900 - time.time() % 900 < 60:
        time.sleep(1)


def limit(world, **limits) -> None:
    world.strava.control("PUT", "/rate-limits", json=limits)


def statuses(world) -> list[int]:
    return [
        each["status"]
        for each in world.strava.control("GET", "/requests")["last"]
        if each["path"].startswith("/api/")
    ]


def test_workers_at_once_never_exceed_and_leave_the_reserve(world):
    limit(world, read_quarter_hour=30, read_day=1000)
    runners = [world.connect(each) for each in ATHLETES]
    jobs = [world.enqueue(world.create(each)) for each in runners]
    workers = world.start_workers(4)
    for each in jobs:
        world.await_job(each, "WAITING")
    rows = world.until(
        lambda: (
            (found := world.rows("SELECT * FROM jobs WHERE quota_until > now() + interval '5 s'"))
            and len(found) == len(jobs)
            and found
        )
    )
    assert set(statuses(world)) == {200}
    assert len(statuses(world)) <= 24
    assert {row["failures"] for row in rows} == {0}
    assert all(row["waiting_until"].timestamp() // 900 == time.time() // 900 + 1 for row in rows)
    world.until(lambda: not workers.horses())  # no worker is held

    # what goes first has the reserve
    strava_id = world.strava.activities(ATHLETES[1])[0]["id"]
    world.write("UPDATE jobs SET status = 'CANCELLED', waiting_until = NULL, finished_at = now()")
    single = world.enqueue(world.create(runners[1], activity_id=str(strava_id)))
    assert world.await_job(single, "SUCCEEDED")["failures"] == 0
    assert set(statuses(world)) == {200}


@pytest.mark.parametrize("loss", ["emptied", "restarted"])
def test_a_redis_that_lost_all_forgets_no_request(world, loss):
    limit(world, read_quarter_hour=30)
    runner = world.connect()
    assert world.sync(runner)["status"] == "WAITING"
    used = len(statuses(world))
    if loss == "emptied":
        world.redis.flushdb()
    else:
        [key] = world.redis.keys("pacegraph:{strava-quota:*")
        ledger = world.redis.get(key).decode()
        world.redis.set(key, ledger.replace('"life":"', '"life":"0'))
    other = world.connect(ATHLETES[1])
    assert world.sync(other)["status"] == "WAITING"
    assert len(statuses(world)) == used
    assert set(statuses(world)) == {200}


def test_without_redis_postgresql_counts(world):
    limit(world, read_quarter_hour=30)
    runner = world.connect()
    settings = world.settings
    world.settings = settings.model_copy(
        update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:9")}
    )
    assert world.sync(runner)["status"] == "WAITING"
    assert set(statuses(world)) == {200}
    assert 20 <= len(statuses(world)) <= 24
    world.settings = settings
    assert world.sync(world.connect(ATHLETES[1]))["status"] == "WAITING"
    assert len(statuses(world)) <= 24


def test_a_wait_that_a_person_ended_asks_strava_what_is_left(world):
    limit(world, read_quarter_hour=30)
    runner = world.connect()
    job = world.sync(runner)
    asked = len(statuses(world))
    world.change_job(job_upkeep.wake())
    assert world.job(job["id"])["status"] == "WAITING"
    limit(world, read_quarter_hour=1000, used=0)
    world.write("UPDATE jobs SET waiting_until = now()")
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert world.work(job["id"])["status"] == "SUCCEEDED"
    assert len(statuses(world)) > asked


def test_a_waiting_backfill_estimates_its_end_by_the_quota(world):
    limit(world, read_quarter_hour=15, read_day=1000)
    runner = world.connect()
    job = world.sync(runner)
    assert (job["status"], job["progress_total"]) == ("WAITING", 48)
    left = job["progress_total"] - job["progress_done"]
    windows = -(-left // 12)
    with world.database.read() as connection:
        seconds = connection.execute(
            text("SELECT extract(epoch FROM expected_at)::float FROM jobs")
        ).scalar_one()
    next_window = (time.time() // 900 + 1) * 900
    assert seconds == pytest.approx(next_window + (windows - 1) * 900, abs=10)
