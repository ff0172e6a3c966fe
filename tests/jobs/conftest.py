"""A world for each test: its own database, cloned from a migrated one, an empty Redis, a fresh
simulated Strava.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from local.generated_secrets import new_encryption_key
from settings import Settings, load_settings
from tests.conftest import Reached
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, Simulated, simulated_strava
from tests.jobs.world import World
from tests.patience import PATIENCE_S


@pytest.fixture
def strava() -> Iterator[Simulated]:
    with simulated_strava() as simulated:
        yield simulated


@pytest.fixture
def settings(
    database_url: str, redis_url: str, strava: Simulated, tmp_path: Path, reached: Reached
) -> Settings:
    """Short times, so that nothing is waited for long; a busy machine may answer late."""
    return load_settings(
        None,
        pacegraph_home=tmp_path,
        **reached(database_url),
        redis_url=redis_url,
        token_encryption_keys=new_encryption_key(),
        strava_api_url=f"{strava.url}/api/v3",
        strava_oauth_url=f"{strava.url}/oauth",
        strava_client_id=CLIENT_ID,
        strava_client_secret=CLIENT_SECRET,
        strava_page_size=20,
        strava_timeout_s=PATIENCE_S,
        nightly_sync_hours=0,
        job_lease_s=1,
        job_reconcile_interval_s=0.2,
    )


@pytest.fixture
def world(settings: Settings, strava: Simulated, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with Redis.from_url(redis_url) as redis:
        world = World(settings, strava, redis, tmp_path)
        yield world
        world.close()
