"""Activities of Strava are refreshed, or deleted once it has not confirmed them for too long."""

import pytest

from jobs.source_retention import create_refreshing_jobs, delete_due

pytestmark = pytest.mark.whole

CONFIRMED = "SELECT count(*) FROM activities WHERE confirmed_at > now() - interval '1 hour'"
AGED = "UPDATE activities SET confirmed_at = now() - make_interval(days => :days)"


@pytest.fixture
def kept_10_days(world):
    return world.settings.model_copy(update={"strava_retention_days": 10})


def refresh(world, settings) -> list:
    with world.database.write() as connection:
        return list(create_refreshing_jobs(settings, connection))


def test_a_full_sync_refreshes_what_is_soon_due(world, kept_10_days):
    runner = world.connect()
    world.sync(runner)
    count = world.value("SELECT count(*) FROM activities")
    world.write(AGED, days=7)
    assert refresh(world, kept_10_days) == []
    world.write(AGED, days=8)
    assert refresh(world, world.settings) == []  # off by default
    [job] = refresh(world, kept_10_days)
    assert (job.kind, job.athlete_id, job.status) == ("STRAVA_SYNC", runner, "QUEUED")
    assert refresh(world, kept_10_days) == []  # one is on its way
    assert world.work(job.id)["status"] == "SUCCEEDED"
    assert world.value(CONFIRMED) == count
    world.write(AGED, days=8)
    assert refresh(world, kept_10_days) == []  # at most one a day
    world.write("UPDATE jobs SET created_at = now() - interval '2 days'")
    world.write("UPDATE strava_connections SET refused_at = now()")
    assert refresh(world, kept_10_days) == []


def test_any_sync_confirms_what_it_lists(world):
    runner = world.connect()
    world.sync(runner)
    world.write(AGED, days=3)
    world.sync(runner, mode="FULL")
    assert world.value(CONFIRMED) == world.value("SELECT count(*) FROM activities")


def test_what_is_not_confirmed_in_time_is_deleted_and_files_stay(world, kept_10_days):
    runner = world.connect()
    world.sync(runner)
    world.write(
        "UPDATE activities SET source = 'FILE', strava_id = NULL WHERE id = "
        "(SELECT max(id) FROM activities)"
    )
    world.write(AGED, days=11)
    other = world.connect(1002, first_name="Other")
    world.sync(other)
    kept = world.value("SELECT count(*) FROM activities WHERE athlete_id = :other", other=other)
    assert not delete_due(world.settings, world.database)
    assert not delete_due(kept_10_days, world.database)
    assert world.rows("SELECT source FROM activities WHERE athlete_id = :id", id=runner) == [
        {"source": "FILE"}
    ]
    left = "SELECT count(*) FROM activities WHERE athlete_id = :other"
    assert world.value(left, other=other) == kept > 0
    bests = "SELECT count(*) FROM personal_bests p JOIN activities a ON a.id = p.activity_id"
    assert world.value(f"{bests} WHERE a.athlete_id = :id AND a.source <> 'FILE'", id=runner) == 0
