"""Ended jobs, feedback and idempotency keys are deleted when their time is over."""

from jobs.reconcile import Reconciler


def look(world, **settings) -> None:
    Reconciler(world.settings.model_copy(update=settings), world.database, world.redis).run_once()


def test_ended_jobs_are_deleted_in_batches(world):
    athlete = world.athlete()
    world.write(
        "INSERT INTO jobs (athlete_id, kind, status, created_at, finished_at) "
        "SELECT :athlete, 'STRAVA_SYNC', 'SUCCEEDED', now() - interval '91 d', "
        "now() - interval '91 d' FROM generate_series(1, 1200)",
        athlete=athlete,
    )
    world.write(
        "INSERT INTO jobs (athlete_id, kind, status, created_at, finished_at) "
        "SELECT :athlete, 'STRAVA_SYNC', 'SUCCEEDED', now() - interval '91 d', "
        "now() - interval '89 d'",
        athlete=athlete,
    )
    active = world.create(athlete)
    world.write("UPDATE jobs SET created_at = now() - interval '1 y' WHERE status = 'QUEUED'")
    reconciler = Reconciler(world.settings, world.database, world.redis)
    left = []
    for _ in range(3):
        reconciler.run_once()
        left.append(world.value("SELECT count(*) FROM jobs"))
    assert left == [702, 202, 2]
    assert world.job(active)["status"] == "QUEUED"


def test_a_job_that_a_key_names_is_kept(world):
    job_id = world.create(world.athlete())
    world.write(
        "UPDATE jobs SET status = 'SUCCEEDED', created_at = now() - interval '2 d', "
        "finished_at = now() - interval '2 d'"
    )
    world.write(
        "INSERT INTO idempotency_keys (caller, key, job_id) VALUES ('account:1', 'k', :job)",
        job=job_id,
    )
    look(world, job_retention_days=1)
    assert world.job(job_id)
    world.write("UPDATE idempotency_keys SET created_at = now() - interval '25 h'")
    look(world, job_retention_days=1)
    assert world.rows("SELECT * FROM idempotency_keys") == world.rows("SELECT * FROM jobs") == []


def test_feedback_is_deleted(world):
    for days in (1, 400):
        world.write(
            "INSERT INTO feedback (message, created_at) VALUES ('m', now() - :d * interval '1 d')",
            d=days,
        )
    look(world, feedback_retention_days=0)
    assert world.value("SELECT count(*) FROM feedback") == 2
    look(world)
    assert world.value("SELECT count(*) FROM feedback") == 1


def test_nothing_is_deleted_with_0(world):
    world.write(
        "INSERT INTO jobs (kind, status, created_at, finished_at) "
        "VALUES ('AGE_GRADES', 'SUCCEEDED', now() - interval '9 y', now() - interval '9 y')"
    )
    look(world, job_retention_days=0)
    assert world.value("SELECT count(*) FROM jobs") == 1
