"""How long a first sync takes: this measures, so it runs alone."""

import time

from tests.jobs.conftest import settings, strava, world  # noqa: F401 - the fixtures


def test_the_48_demo_runs_are_synced_within_15_s(world, capsys):  # noqa: F811
    runner = world.connect()
    started = time.monotonic()
    job = world.sync(runner)
    took_s = time.monotonic() - started
    with capsys.disabled():
        print(f"\n48 runs with streams synced in {took_s:.2f} s")  # noqa: T201 - a figure to watch
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 48)
    assert took_s < 15
