"""A Redis behind Sentinels fails over while clients ask and jobs run: no request and no job fails."""

import threading
import time
from collections import Counter
from typing import Self

import httpx
import psycopg
import pytest
from redis import RedisError

from jobs.enqueue import queued_ids
from runtime.redis_clients import async_redis_client, positions_redis_client, redis_client
from settings import load_settings
from tests import factories as make
from tests.deployment import ROOT, Deployment, until
from tests.redis_servers import sentinels

pytestmark = pytest.mark.whole

CITY = "query($id: ID!) { athlete(id: $id) { city } }"
JOB = """mutation($id: ID!) { recalculatePersonalBests(input: {athleteId: $id}) {
    job { id } userErrors { message } } }"""


@pytest.fixture
def servers(tmp_path):
    with sentinels(tmp_path) as made:
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


class Load:
    """Clients that ask, and start jobs, until they are told to end."""

    def __init__(self, http: httpx.Client, person: make.Person) -> None:
        self._http, self._person = http, person
        self._is_over = threading.Event()
        self.answers: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join()

    def _ask(self) -> None:
        headers = {"authorization": f"Bearer {self._person.token}"}
        while not self._is_over.is_set():
            for query in (CITY, JOB):
                body = {"query": query, "variables": {"id": self._person.id}}
                answer = self._http.post("/graphql", json=body, headers=headers)
                is_good = answer.status_code == 200 and "errors" not in answer.json()
                self.answers["good" if is_good else answer.text] += 1
            time.sleep(0.02)


def test_no_request_and_no_job_fails(deployment, servers, db, database_url):
    person = make.create_person(db)

    def done() -> int:
        with psycopg.connect(database_url) as connection:
            query = "SELECT count(*) FROM jobs WHERE status = 'SUCCEEDED'"
            return connection.execute(query).fetchone()[0]

    with deployment.api() as http, deployment.running("worker"), Load(http, person) as load:
        until(lambda: done() > 2, deployment)
        servers.fail_over()
        before = done()
        until(lambda: done() > before + 2, deployment)
        until(lambda: http.get("/readyz").status_code == 200, deployment)
        with servers.replica.client() as new:
            until(lambda: new.scan(match="pacegraph:*", count=1000)[1], deployment)
    assert set(load.answers) == {"good"}
    assert load.answers.total() > 50
    with psycopg.connect(database_url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM jobs WHERE status = 'FAILED'"
        ).fetchone() == (0,)


def test_each_client_goes_to_the_new_primary(servers):
    settings = load_settings(None, redis_url=servers.url)
    with redis_client(settings) as redis:
        redis.set("before", "1")
        with servers.primary.client() as primary:
            primary.wait(1, 2000)
        servers.fail_over()
        began = time.monotonic()
        while True:
            try:
                assert redis.get("before") == b"1"
                redis.set("after", "2")
                break
            except RedisError:
                assert time.monotonic() - began < 10
                time.sleep(0.1)
        assert queued_ids(redis) == set()


@pytest.mark.anyio
async def test_asynchronous_clients_find_the_primary(servers):
    settings = load_settings(None, redis_url=servers.url)
    for make_client in (async_redis_client, positions_redis_client):
        client = make_client(settings)
        assert await client.set("a", "b")
        assert await client.get("a") == b"b"
        await client.aclose()
