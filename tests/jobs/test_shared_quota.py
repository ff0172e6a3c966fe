"""One quota for all workers, with the simulated Strava as referee."""

import time
from collections import Counter

import pytest
from sqlalchemy import text

from db.statements.jobs import job_queue
from jobs.reconcile import Reconciler
from strava.client import StravaClient
from strava.shared_quota.gate import QuotaGate
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole

ATHLETES = (1001, 1002, 1003)


@pytest.fixture(autouse=True)
def _within_one_window():
    begin_before_the_last(2 * PATIENCE_S)


def begin_before_the_last(seconds: float) -> None:
    """The windows are Strava's, of real time: do not begin where one ends."""
    while 900 - time.time() % 900 < seconds:
        time.sleep(1)


def limit(world, **limits) -> None:
    world.strava.control("PUT", "/rate-limits", json=limits)


def requests(world) -> list[dict]:
    last = world.strava.control("GET", "/requests")["last"]
    return [each for each in last if each["path"].startswith("/api/")]


def statuses(world) -> list[int]:
    return [each["status"] for each in requests(world)]


def wait_for_the_window(world, number: int) -> list[dict]:
    """Await that all jobs wait until the window opens; returns them."""
    of_window = "SELECT * FROM jobs WHERE quota_until > now() + interval '5 s'"
    return world.until(
        lambda: len(found := world.rows(of_window)) == number and found, within_s=2 * PATIENCE_S
    )


def test_workers_at_once_never_exceed_and_leave_the_reserve(world):
    limit(world, read_quarter_hour=30, read_day=1000)
    runners = [world.connect(each) for each in ATHLETES]
    jobs = [world.enqueue(world.create(each)) for each in runners]
    workers = world.start_workers(4)
    rows = wait_for_the_window(world, len(jobs))
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


def ask_once(world) -> None:
    """Have the quota known, so that nobody waits for the first answer."""
    gate = QuotaGate.from_settings(world.settings, world.database, world.redis)
    with StravaClient.from_settings(world.settings, gate=gate) as client:
        client.athlete(client.exchange_code(world.strava.code()).tokens.access_token)
    world.strava.forget_requests()


def test_backfills_that_take_turns_ask_for_nothing_again_and_have_the_same(world):
    begin_before_the_last(3 * PATIENCE_S)
    # One is used, and a fifth is kept for what goes first.
    limit(world, read_quarter_hour=24, read_day=1000)
    ask_once(world)
    # Which of them begins alone has all: so each has its first request kept until all have asked.
    with world.strava.door.shut("/api/") as door:
        for each in ATHLETES:
            world.enqueue(world.create(world.connect(each)))
        world.start_workers(3, sync_budget_requests=100)
        world.until(lambda: door.waiting == len(ATHLETES))
    rows = wait_for_the_window(world, len(ATHLETES))
    assert min(row["attempts"] for row in rows) > 1  # they gave way
    asked = Counter((each["athlete"], each["path"], each["query"]) for each in requests(world))
    assert set(asked.values()) == {1}
    shares = Counter(each["athlete"] for each in requests(world))
    assert sum(shares.values()) == 18
    assert shares.keys() == set(ATHLETES)
    assert max(abs(each - 6) for each in shares.values()) <= 1, shares


def test_a_request_that_the_quota_refuses_costs_nothing_of_the_athletes_budget(world):
    world.settings = world.settings.model_copy(update={"sync_budget_requests": 10})
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    world.write("DELETE FROM sync_budgets")
    world.strava.forget_requests()
    limit(world, read_quarter_hour=100, used=99)
    full = world.create(runner, mode="FULL")
    for _ in range(4):
        assert world.work(full)["status"] == "WAITING"
        queued = "status = 'QUEUED', waiting_until = NULL, quota_until = NULL"
        world.write(f"UPDATE jobs SET {queued} WHERE id = :i", i=full)
    assert len(requests(world)) == 1
    assert 10 - world.value("SELECT level FROM sync_budgets") == pytest.approx(1, abs=0.5)


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
    world.change_job(job_queue.wake())
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
