"""The flag background-sync: syncs wait while it is off, hold no worker, and go on soon after it is
on again.
"""

import time

import pytest
from redis import Redis

from db.statements.jobs import job as statements
from db.statements.jobs import job_attempt, job_lease
from flags.rollout import OFF, ON, Rollout
from flags.store import FlagStore
from flags.switches import Flag
from jobs.reconcile import Reconciler
from tests.jobs.world import World

pytestmark = pytest.mark.whole


@pytest.fixture
def store(world) -> FlagStore:
    return FlagStore(world.settings, world.redis)


def switch(store: FlagStore, rollout: Rollout) -> None:
    store.set(Flag.BACKGROUND_SYNC, rollout)


def waits(world: World, job_id: int) -> dict:
    job = world.job(job_id)
    assert (job["status"], job["failures"], job["error_code"], job["lease_until"]) == (
        "WAITING",
        0,
        None,
        None,
    )
    assert "switched off" in job["progress_message"]
    left_s = world.value(
        "SELECT extract(epoch FROM waiting_until - now())::float FROM jobs WHERE id = :id",
        id=job_id,
    )
    assert 0 < left_s < 5
    return job


def test_a_sync_waits_and_goes_on_when_it_is_on_again(world, store):
    switch(store, OFF)
    job_id = world.create(world.connect())
    world.work(job_id)
    waits(world, job_id)
    switch(store, ON)
    world.write("UPDATE jobs SET waiting_until = now()")
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert (world.job(job_id)["status"], world.job(job_id)["progress_message"]) == ("QUEUED", None)
    job = world.work(job_id)
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 48)


def test_by_setting_off_a_sync_waits(world):
    world.settings = world.settings.model_copy(update={"background_sync": "off"})
    job_id = world.create(world.connect())
    world.work(job_id)
    waits(world, job_id)


def test_while_it_is_off_no_worker_meets_the_job_again_and_nobody_is_told(world, store):
    switch(store, OFF)
    job_id = world.create(world.connect())
    before = world.work(job_id)
    reconciler = Reconciler(world.settings, world.database, world.redis)
    for _ in range(3):
        world.write("UPDATE jobs SET waiting_until = now()")
        reconciler.run_once()
        job = waits(world, job_id)
        assert (job["attempts"], job["version"]) == (1, before["version"])


def test_the_others_are_not_held_up(world, store):
    switch(store, OFF)
    switched_off, athlete = world.create(world.connect()), world.athlete()
    world.work(switched_off)
    world.write("UPDATE jobs SET waiting_until = now()")
    other = world.create(athlete, kind="PERSONAL_BESTS")
    world.write(
        "UPDATE jobs SET status = 'WAITING', waiting_until = now() WHERE id = :id", id=other
    )
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert world.job(switched_off)["status"] == "WAITING"
    assert world.work(other)["status"] == "SUCCEEDED"


def test_whom_it_is_off_for_waits_and_the_others_do_not(world, store):
    first, second = world.connect(), world.athlete()
    switch(store, Rollout(off_for=frozenset({f"athlete:{first}"})))
    waiting, going = world.create(first), world.create(second)
    world.work(waiting)
    waits(world, waiting)
    # not connected: it was asked for
    assert world.work(going)["error_code"] == "STRAVA_UNAUTHORIZED"
    world.write("UPDATE jobs SET waiting_until = now() WHERE id = :id", id=waiting)
    Reconciler(world.settings, world.database, world.redis).run_once()
    waits(world, waiting)


def test_disconnecting_is_no_sync(world, store):
    switch(store, OFF)
    athlete_id = world.connect()
    assert world.work(world.create(athlete_id, kind="STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"


def test_one_that_somebody_cancelled_ends_although_it_is_off(world, store):
    job_id = world.create(world.connect())
    world.change_job(job_lease.claim(), job_id=job_id, lease_s=60)
    world.change_job(statements.cancel(), job_id=job_id)
    values = {"job_id": job_id, "attempt": 1, "wait_s": 600.0, "text": "x", "failed": 0}
    world.change_job(job_attempt.wait(), **values)
    switch(store, OFF)
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert world.work(job_id)["status"] == "CANCELLED"


def test_a_sync_under_way_stops_at_its_next_checkpoint_and_loses_nothing(world, store):
    world.settings = world.settings.model_copy(update={"feature_flags_refresh_s": 0.1})
    world.start_workers(feature_flags_refresh_s=0.1)
    world.strava.fault("slow", path="/streams", delay_s=0.05, times=None)
    job_id = world.enqueue(world.create(world.connect()))
    world.until(lambda: world.job(job_id)["progress_done"] >= 5, about=job_id)
    switch(store, OFF)
    done = world.await_job(job_id, "WAITING")["progress_done"]
    assert 5 <= done < 48
    time.sleep(4)  # longer than a pause
    assert (waits(world, job_id)["progress_done"], world.job(job_id)["attempts"]) == (done, 1)
    switch(store, ON)
    world.until(lambda: world.job(job_id)["attempts"] == 2, about=job_id)
    job = world.await_job(job_id, "SUCCEEDED")
    assert (job["activities_created"], job["progress_done"], job["failures"]) == (48, 48, 0)


def test_flipped_all_the_time_every_sync_comes_to_its_end(world, store):
    world.start_workers(2, feature_flags_refresh_s=0.1)
    athletes = [world.connect(), world.athlete(), world.athlete()]
    jobs = [world.enqueue(world.create(each)) for each in athletes]
    for number in range(30):
        switch(store, ON if number % 2 else OFF)
        time.sleep(0.1)
    switch(store, ON)
    job = world.await_job(jobs[0], "SUCCEEDED")
    assert (job["activities_created"], job["failures"]) == (48, 0)
    for other in jobs[1:]:
        # nobody connected them
        assert world.await_job(other, "FAILED")["error_code"] == "STRAVA_UNAUTHORIZED"


def test_with_redis_away_the_setting_decides(world, caplog):
    world.redis = Redis.from_url("redis://127.0.0.1:1")
    world.settings = world.settings.model_copy(
        update={"redis_url": type(world.settings.redis_url)("redis://127.0.0.1:1")}
    )
    began = time.monotonic()
    assert world.sync(world.connect())["status"] == "SUCCEEDED"
    minutes = int((time.monotonic() - began) / 60)
    said = [each.message for each in caplog.records]
    count = said.count("Redis does not tell the flags; they stay as they are")
    assert 1 <= count <= 1 + minutes  # once a minute
