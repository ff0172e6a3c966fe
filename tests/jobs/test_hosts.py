"""Strava's two addresses of the API: with /api/v3, and the one from 2027 without it."""

import pytest

from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture


@pytest.mark.parametrize("path", ["/api/v3", "", "/"])
def test_a_sync_and_its_end_are_the_same_at_both_addresses(world, path):
    world.settings = world.settings.model_copy(update={"strava_api_url": world.strava.url + path})
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == RUNS
    assert world.value("SELECT count(*) FROM activity_streams") == RUNS
    assert world.work(world.create(runner, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.value("SELECT is_revoked FROM erasures")
    asked = world.strava.control("GET", "/requests")["by_path"]
    assert asked["POST /oauth/revoke"] == 1
    assert "POST /oauth/deauthorize" not in asked
