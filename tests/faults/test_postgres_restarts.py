"""PostgreSQL is restarted, or killed, under load.

Requests are answered at once, with data or typed errors; streams go on; seconds later all is as
before.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from graph.global_id import encode_id
from local.embedded_service import Service
from local.postgres import start_postgres
from operator_commands.migrations import upgrade
from settings import Settings, load_settings
from tests import factories as make
from tests.conftest import SECRETS, STRAVA, UNLIMITED
from tests.web.api_process import api_process, until
from tests.web.subscriber import JOB, web_socket

pytestmark = [pytest.mark.anyio, pytest.mark.whole]

AWAY_S = 1.0
MOST_S = 8.0
"""Seconds in which each request is answered: a connection is waited for (five by default)."""
RECOVERED_S = 5.0
UNAVAILABLE = {"DATABASE_UNAVAILABLE", "DATABASE_BUSY"}
REQUESTS: dict[str, str] = {
    "a plan": "query($id: ID!) { athlete(id: $id) { id activities(first: 5) { totalCount nodes { id name } } } }",
    "no plan": "query($id: ID!) { athlete(id: $id) { id } viewer { apiTokens { id } } }",
    "a mutation": 'mutation($id: ID!) { updateAthlete(input: { athleteId: $id, city: "Porto" }) { __typename } }',
}


class Postgres:
    """A PostgreSQL of this file's own, which is stopped and killed."""

    def __init__(self, folder) -> None:
        self._folder = folder
        self.service = self.start()
        self.url = self.service.url
        upgrade(load_settings(None, database_url=self.url))

    def start(self) -> Service:
        self.service = start_postgres(self._folder)
        return self.service

    def end(self, *, is_killed: bool) -> None:
        if not is_killed:
            self.service.stop()
            return
        postmaster = psutil.Process(self.service.process.pid)
        for each in [*postmaster.children(recursive=True), postmaster]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.service.process.wait(10)


@pytest.fixture
def postgres(services_home) -> Iterator[Postgres]:
    made = Postgres(services_home / "restarted")
    yield made
    made.service.stop()


@pytest.fixture
def served(postgres: Postgres, redis_url: str, tmp_path) -> Settings:
    services = {"database_url": postgres.url, "redis_url": redis_url, "pacegraph_home": tmp_path}
    return load_settings(None, **services, **SECRETS, **STRAVA, **UNLIMITED, cache="off")


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
async def test_requests_go_on_where_postgres_is_restarted(
    postgres, served, tmp_path, is_killed: bool
):
    engine = create_engine(
        "postgresql+psycopg://", poolclass=NullPool, isolation_level="AUTOCOMMIT",
        creator=lambda: psycopg.connect(postgres.url),
    )  # fmt: skip
    with engine.connect() as db:
        person = make.create_person(db)
        for _ in range(10):
            make.create_activity(db, person.athlete_id)
        job = make.create_job(db, person.athlete_id, status="RUNNING", version=1)
    with api_process(served, tmp_path) as api:
        async with asyncio.timeout(120), web_socket(api.address) as watcher:
            await watcher.begin(Authorization=f"Bearer {person.token}")
            await watcher.subscribe(JOB, id=encode_id("Job", job))
            await watcher.next()
            load = Load(api.address, person)
            async with asyncio.TaskGroup() as clients:
                for each in REQUESTS.values():
                    for _ in range(4):
                        clients.create_task(load.ask(each))
                await until(lambda: load.is_well_since(0), RECOVERED_S)
                await asyncio.sleep(1)
                await asyncio.to_thread(postgres.end, is_killed=is_killed)
                await asyncio.sleep(AWAY_S)
                await asyncio.to_thread(postgres.start)
                back = monotonic()
                recovered_s = await until(lambda: load.is_well_since(back), RECOVERED_S)
                await asyncio.sleep(1)
                load.is_over = True
            with engine.connect() as db:
                db.exec_driver_sql(f"UPDATE jobs SET version = 7 WHERE id = {job}")
            async with asyncio.timeout(10):
                while (await watcher.next())["jobUpdated"]["version"] != 7:
                    pass
    engine.dispose()
    sys.stdout.write(
        f"\n{dict(load.seen)}; slowest {load.slowest_s:.2f} s; well after {recovered_s:.2f} s"
    )
    assert {code for _, code in load.seen} <= {"", *UNAVAILABLE}
    assert load.seen[200, ""] > 20
    assert load.slowest_s < MOST_S
    assert load.without_retry == 0


class Load:
    """Clients that ask without end, and what they were told."""

    def __init__(self, address: str, person: make.Person) -> None:
        self._address, self._person = address, person
        self.is_over = False
        self.seen: Counter[tuple[int, str]] = Counter()
        self.slowest_s = 0.0
        self.without_retry = 0
        self._last_data: dict[object, float] = {}

    def is_well_since(self, moment: float) -> bool:
        """Tell whether the last answer of each client came after `moment` and had data."""
        return all(at > moment for at in self._last_data.values())

    async def ask(self, query: str) -> None:
        client, variables = object(), {"id": encode_id("Athlete", self._person.athlete_id)}
        self._last_data[client] = 0.0
        headers = {"authorization": f"Bearer {self._person.token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            while not self.is_over:
                began = monotonic()
                answer = await http.post(
                    f"http://{self._address}/graphql", headers=headers,
                    json={"query": query, "variables": variables},
                )  # fmt: skip
                self.slowest_s = max(self.slowest_s, monotonic() - began)
                self._note(client, answer)
                await asyncio.sleep(0.02)

    def _note(self, client: object, answer: httpx.Response) -> None:
        code = _code(answer.json())
        self.seen[answer.status_code, code] += 1
        if code and answer.status_code == 503 and "retry-after" not in answer.headers:
            self.without_retry += 1
        self._last_data[client] = 0.0 if code else monotonic()


def _code(body: dict[str, Any]) -> str:
    errors = body.get("errors")
    return errors[0]["extensions"]["code"] if errors else ""
