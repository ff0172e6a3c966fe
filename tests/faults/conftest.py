"""Real workers, PostgreSQL, Redis and simulated Strava, as the tests of jobs have them."""

from tests.jobs.conftest import settings, strava, world

__all__ = ["settings", "strava", "world"]
