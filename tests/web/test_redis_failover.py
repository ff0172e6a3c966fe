"""Redis fails over, behind Sentinels and in a cluster, while clients ask and jobs run.

No request and no job fails, and who wrote sees it at once: the cache is on.
"""

import time

import psycopg
import pytest
from redis import RedisError

from runtime.redis_clients import async_redis_client, positions_redis_client, redis_client
from runtime.redis_cluster import tagged
from settings import load_settings
from tests import factories as make
from tests.deployment import ROOT, Deployment, until
from tests.redis_cluster import cluster
from tests.redis_servers import sentinels
from tests.web.asking import Asking

pytestmark = pytest.mark.whole

CITY = "query($id: ID!) { athlete(id: $id) { city } }"
JOB = """mutation($id: ID!) { recalculatePersonalBests(input: {athleteId: $id}) {
    job { id } userErrors { message } } }"""


@pytest.fixture(params=[sentinels, cluster], ids=lambda each: each.__name__)
def servers(tmp_path, request):
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def deployment(settings, servers, tmp_path):
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    given |= {"redis_url": servers.url, "job_reconcile_interval_s": 1}
    plain = {
        name.upper(): ",".join(key.get_secret_value() for key in value)
        if isinstance(value, tuple)
        else str(getattr(value, "get_secret_value", lambda value=value: value)())
        for name, value in given.items()
    }
    return Deployment(tmp_path, plain | {"PYTHONPATH": str(ROOT)})


def test_no_request_and_no_job_fails(deployment, servers, db, database_url):
    person = make.create_person(db)

    def done() -> int:
        with psycopg.connect(database_url) as connection:
            query = "SELECT count(*) FROM jobs WHERE status = 'SUCCEEDED'"
            return connection.execute(query).fetchone()[0]

    with (
        deployment.api() as http,
        deployment.running("worker"),
        Asking(http, person.token, [(CITY, {"id": person.id}), (JOB, {"id": person.id})]) as load,
    ):
        until(lambda: done() > 0, deployment)
        load.see_written(person.id, 150)
        new = servers.fail_over()
        before = done()
        for rate in range(160, 200):
            load.see_written(person.id, rate)
        until(lambda: done() > before + 1, deployment)
        until(lambda: http.get("/readyz").status_code == 200, deployment)
        with new.client() as redis:
            until(lambda: list(redis.scan_iter("*pacegraph:write-probe")), deployment)
    assert set(load.answers) == {"good"}
    assert load.answers.total() > 50
    with psycopg.connect(database_url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM jobs WHERE status = 'FAILED'"
        ).fetchone() == (0,)


def test_each_client_goes_to_the_new_primary(servers):
    settings = load_settings(None, redis_url=servers.url)
    with redis_client(settings) as redis:
        key = tagged(redis, "before")
        redis.set(key, "0")
        servers.primary.write_through(key, "1")
        servers.fail_over()
        began = time.monotonic()
        while True:
            try:
                assert redis.get(key) == b"1"
                redis.set(tagged(redis, "after"), "2")
                break
            except RedisError:
                assert time.monotonic() - began < 10
                time.sleep(0.1)
        assert redis.get(tagged(redis, "after")) == b"2"


@pytest.mark.anyio
async def test_asynchronous_clients_find_the_primary(servers):
    settings = load_settings(None, redis_url=servers.url)
    for make_client in (async_redis_client, positions_redis_client):
        client = make_client(settings)
        key = tagged(client, "a")
        assert await client.set(key, "b")
        assert await client.get(key) == b"b"
        await client.aclose()
