"""The older service's database, restored from its dump and migrated by pacegraph."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from operator_commands.migrations import upgrade
from settings import Settings, load_settings
from tests.conftest import SECRETS, STRAVA, UNLIMITED, Clone, Connect
from tests.legacy.adoption.world import World

DUMP = Path(__file__).parent / "old_database.sql"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def restored(postgres_url: str) -> str:
    """Name of a database with the dump in it, as the older service left it."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE old_template")
    with psycopg.connect(postgres_url.replace("@/postgres", "@/old_template")) as connection:
        connection.execute(DUMP.read_bytes())
    return "old_template"


@pytest.fixture(scope="session")
def migrated_old(postgres_url: str, restored: str) -> str:
    """Name of such a database after `pacegraph migrate`."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE old_migrated TEMPLATE {restored}")
    upgrade(load_settings(None, database_url=postgres_url.replace("@/postgres", "@/old_migrated")))
    return "old_migrated"


@pytest.fixture
def template(migrated_old: str) -> str:
    """What a test begins with; one that migrates itself says otherwise."""
    return migrated_old


@pytest.fixture
def old_url(clone_of: Clone, template: str) -> Iterator[str]:
    """URL of such a database, which this test has for itself."""
    with clone_of(template) as url:
        yield url


@pytest.fixture
def settings(old_url: str, redis_url: str, tmp_path: Path) -> Settings:
    urls = {"database_url": old_url, "redis_url": redis_url, "public_url": "http://pacegraph.test"}
    return load_settings(None, pacegraph_home=tmp_path, **urls, **SECRETS, **STRAVA, **UNLIMITED)


@pytest.fixture
def world(settings: Settings, capsys) -> Iterator[World]:
    """The database migrated, nothing adopted yet."""
    world = World(settings, capsys)
    yield world
    world.close()


@pytest.fixture
def db_of_world(connect_to: Connect, world: World, old_url: str) -> Iterator[Connection]:
    """A connection to it that commits each statement, for `tests.factories`."""
    with connect_to(old_url) as connection:
        yield connection
