"""A world for each test: its own database, cloned from a migrated one, an empty Redis, a fresh simulated Strava."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from local.migrations import upgrade
from local.secrets import new_encryption_key
from settings import Settings, load_settings
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, Simulated, simulated_strava
from tests.jobs.world import World

_TEMPLATE = "jobs_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    upgrade(load_settings(None, database_url=_named(postgres_url, _TEMPLATE)))
    return _TEMPLATE


def _named(url: str, database: str) -> str:
    return url.replace("@/postgres", f"@/{database}")


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """URL of a migrated database that this test has for itself."""
    name = f"jobs_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield _named(postgres_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def strava() -> Iterator[Simulated]:
    with simulated_strava() as simulated:
        yield simulated


@pytest.fixture
def settings(database_url: str, redis_url: str, strava: Simulated, tmp_path: Path) -> Settings:
    """Short times, so that nothing is waited for long."""
    return load_settings(
        None,
        pacegraph_home=tmp_path,
        database_url=database_url,
        redis_url=redis_url,
        token_encryption_keys=new_encryption_key(),
        strava_api_url=f"{strava.url}/api/v3",
        strava_oauth_url=f"{strava.url}/oauth",
        strava_client_id=CLIENT_ID,
        strava_client_secret=CLIENT_SECRET,
        strava_page_size=20,
        job_lease_s=1,
        job_reconcile_interval_s=0.2,
    )


@pytest.fixture
def world(settings: Settings, strava: Simulated, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with Redis.from_url(redis_url) as redis:
        world = World(settings, strava, redis, tmp_path)
        yield world
        world.close()
