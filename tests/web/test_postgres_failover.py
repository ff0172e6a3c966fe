"""PostgreSQL dies and its replica takes over, while clients read and write.

No query fails. A mutation may, if it was under way; sent again, it is written once. Who wrote never sees
what was before, with the cache on, too.
"""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from operator_commands.migrations import upgrade
from settings import load_settings
from tests import factories as make
from tests.conftest import SECRETS, STRAVA, UNLIMITED
from tests.deployment import ROOT, Deployment, until
from tests.replication import Server
from tests.web.asking import Asking

pytestmark = pytest.mark.whole

CITY = "query($id: ID!) { athlete(id: $id) { city } }"
RUNS = "{ activities(first: 5) { nodes { id name } } }"
GEAR = """mutation($id: ID!, $name: String!, $key: String!) { createGear(input: {
    athleteId: $id, name: $name, idempotencyKey: $key }) { gear { id } userErrors { message } } }"""
BEFORE = AFTER = 20


@pytest.fixture
def servers():
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-failover-"))
    folder.chmod(0o755)
    primary, replica = Server(folder / "primary"), Server(folder / "replica")
    primary.create()
    primary.start()
    upgrade(load_settings(None, database_url=primary.url))
    replica.follow(primary)
    replica.start()
    # else what the replica has not received is lost with the primary
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.run("SELECT pg_reload_conf()")
    yield SimpleNamespace(primary=primary, replica=replica)
    replica.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["on", "off"])
def deployment(servers, redis_url, tmp_path, request):
    hosts = "&".join(f"host={each.address}" for each in (servers.primary, servers.replica))
    url = f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"
    secrets = {name.upper(): str(value) for name, value in (SECRETS | STRAVA).items()}
    environment = {
        "DATABASE_URL": url,
        "DATABASE_FAILOVER_S": "30",
        "REDIS_URL": redis_url,
        "PACEGRAPH_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "CACHE": request.param,
    }
    limits = {name.upper(): str(value) for name, value in UNLIMITED.items()}
    return Deployment(tmp_path, secrets | limits | environment)


@pytest.fixture
def person(servers):
    url = servers.primary.url.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as db:
        person = make.create_person(db)
        make.create_activity(db, person.athlete_id)
    return person


def test_no_query_fails_and_each_mutation_is_written_once(servers, deployment, person):
    failed, numbers = [], iter(range(1000))

    def write(load: Asking) -> None:
        """Create gear. What failed is sent again until it is answered. Then see what is written."""
        number = next(numbers)
        name = f"Shoes {number}"
        while (answer := load.ask(GEAR, id=person.id, name=name, key=name)) != "good":
            failed.append(answer)
        load.see_written(person.id, 150 + number)

    reads = [(CITY, {"id": person.id}), (RUNS, {})]
    with deployment.api() as http, Asking(http, person.token, reads) as load:
        for _ in range(BEFORE):
            write(load)
        servers.primary.kill()
        servers.replica.run("SELECT pg_promote()")
        asked = load.answers.total()
        for _ in range(AFTER):
            write(load)
        until(lambda: load.answers.total() > asked + 50, deployment)
        until(lambda: http.get("/readyz").status_code == 200, deployment)
    assert set(load.answers) == {"good"}
    assert len(failed) <= 1, failed
    with psycopg.connect(servers.replica.url) as connection:
        found = connection.execute("SELECT name FROM gear ORDER BY created_at, id").fetchall()
    assert [name for (name,) in found] == [f"Shoes {each}" for each in range(BEFORE + AFTER)]
