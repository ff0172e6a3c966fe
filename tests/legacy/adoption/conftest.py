"""The older service's database, restored from its dump and migrated by pacegraph."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine

from local.migrations import upgrade
from settings import Settings, load_settings
from tests.conftest import SECRETS, STRAVA
from tests.legacy.adoption.world import World

DUMP = Path(__file__).parent / "old_database.sql"
_numbers = count(1)


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
def old_url(postgres_url: str, template: str) -> Iterator[str]:
    """URL of such a database, which this test has for itself."""
    name = f"old_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield postgres_url.replace("@/postgres", f"@/{name}")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(old_url: str, redis_url: str, tmp_path: Path) -> Settings:
    urls = {"database_url": old_url, "redis_url": redis_url, "public_url": "http://pacegraph.test"}
    unlimited = dict.fromkeys(("cost_limit", "cost_bucket_user", "cost_bucket_ip"), 10**9)
    return load_settings(None, pacegraph_home=tmp_path, **urls, **SECRETS, **STRAVA, **unlimited)


@pytest.fixture
def world(settings: Settings, capsys) -> Iterator[World]:
    """The database migrated, nothing adopted yet."""
    world = World(settings, capsys)
    yield world
    world.close()


@pytest.fixture
def db_of_world(world: World, old_url: str) -> Iterator[Connection]:
    """A connection to it that commits each statement, for `tests.factories`."""
    engine = create_engine(old_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
