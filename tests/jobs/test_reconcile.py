"""The reconciler outlives what it depends on."""

import time

from db.statements.jobs import reconciler_lock
from jobs.reconcile import Reconciler
from local.redis import start_redis
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture


def test_jobs_go_on_while_and_after_redis_was_away(world, services_home):
    home = services_home / "second"
    redis = start_redis(home)
    workers = world.start_workers(redis_url=redis.url)
    world.until(lambda: len(workers.below()) == 2)
    time.sleep(0.5)
    redis.stop()
    job_id = world.create(world.connect())
    assert world.await_job(job_id, "SUCCEEDED")["attempts"] == 1
    assert "jobs run from PostgreSQL" in workers.log
    redis = start_redis(home)
    try:
        world.until(lambda: "Redis takes writes again" in workers.log)
        job_id = world.create(world.athlete(), kind="PERSONAL_BESTS")
        assert world.await_job(job_id, "SUCCEEDED")["attempts"] == 1
    finally:
        redis.stop()


def test_jobs_go_on_after_postgresql_dropped_all_connections(world):
    world.start_workers()
    world.strava.fault("slow", path="/streams", delay_s=0.2, times=None)
    job_id = world.enqueue(world.create(world.connect()))
    for done in (1, 5):
        world.until(lambda least=done: world.job(job_id)["progress_done"] >= least, about=job_id)
        world.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'pacegraph-%' AND datname = current_database()"
        )
    row = world.await_job(job_id, "SUCCEEDED")
    assert (row["activities_created"], row["progress_done"]) == (RUNS, RUNS)


def test_one_of_several_reconcilers_acts_at_a_time(world):
    job_id = world.create(world.athlete())
    world.write("UPDATE jobs SET status = 'WAITING', waiting_until = now()")
    with world.database.write() as leader:
        assert leader.execute(reconciler_lock.lead()).scalar_one()
        Reconciler(world.settings, world.database, world.redis).run_once()
        assert world.job(job_id)["status"] == "WAITING"
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert world.job(job_id)["status"] == "QUEUED"
