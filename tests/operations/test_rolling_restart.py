"""Two API processes behind a proxy, which are restarted in turn, or killed, while clients ask."""

import asyncio
import sys
from collections import Counter
from contextlib import suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from graph.global_id import decode_id_of, encode_id
from tests.factories import Person
from tests.operations.programs import PROXIES
from tests.web.api_process import until
from tests.web.subscriber import JOB, event_stream, web_socket

pytestmark = [pytest.mark.operations, pytest.mark.anyio]

CLIENTS = 8
ASKED = (
    "query { __typename }",
    "query { viewer { id } }",
    "query { activities(first: 5) { nodes { id } } }",
    "mutation($a: ID!) { updateAthlete(input: {athleteId: $a, maxHeartRate: 190}) { __typename } }",
)


class Load:
    """Clients that ask until they are told to end, each on its own connections."""

    def __init__(self, address: str, person: Person) -> None:
        self._url = f"http://{address}/graphql"
        self._headers = {"authorization": f"Bearer {person.token}"}
        self._athlete = encode_id("Athlete", person.athlete_id)
        self.answers: Counter[str] = Counter()
        self.ending = asyncio.Event()

    @property
    def failed(self) -> int:
        return self.answers.total() - self.answers["good"]

    async def ask(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30, headers=self._headers) as http:
            while not self.ending.is_set():
                for query in ASKED:
                    self.answers[await self._answer(http, query)] += 1
                await asyncio.sleep(0.02)

    async def _answer(self, http: httpx.AsyncClient, query: str) -> str:
        try:
            variables = {"a": self._athlete} if "$" in query else {}
            asked = {"query": query, "variables": variables}
            answer = await http.post(self._url, json=asked)
        except httpx.HTTPError as error:
            return repr(error)
        is_good = answer.status_code == 200 and "errors" not in answer.json()
        return "good" if is_good else f"{answer.status_code} {answer.text}"


class Watchers:
    """A WebSocket and an event stream, which come back when they are cut."""

    def __init__(self, address: str, token: str, job: str) -> None:
        self._address, self._token, self._job = address, token, job
        self.seen = {"WebSocket": 0, "event stream": 0}
        self.ends: Counter[str] = Counter()

    async def watch_socket(self) -> None:
        while True:
            with suppress(ConnectionClosed):
                async with web_socket(self._address) as socket:
                    await socket.begin(Authorization=f"Bearer {self._token}")
                    await socket.subscribe(JOB, id=self._job)
                    while True:
                        try:
                            said = await socket.next()
                        except ConnectionClosed:
                            self.ends[f"WebSocket {socket.connection.close_code}"] += 1
                            break
                        self._saw("WebSocket", said)

    async def watch_events(self) -> None:
        while True:
            async with event_stream(self._address, self._token, JOB, id=self._job) as events:
                try:
                    async for event, said in events:
                        assert event == "next", "a cut stream must not say that it is complete"
                        self._saw("event stream", said["data"])
                except httpx.RemoteProtocolError:
                    self.ends["event stream cut"] += 1

    def _saw(self, how: str, data: dict) -> None:
        version = data["jobUpdated"]["version"]
        assert version >= self.seen[how], "an event is older than the one before"
        self.seen[how] = version

    async def both_saw(self, version: int) -> None:
        await until(lambda: set(self.seen.values()) == {version}, within_s=10)


@pytest.mark.parametrize("name", PROXIES)
async def test_a_restart_in_turn_fails_no_request_and_loses_no_event(
    name, pair, tmp_path, person, job, db
):
    with PROXIES[name](tmp_path, *pair.addresses) as address:
        load, watchers = Load(address, person), Watchers(address, person.token, job)
        row = decode_id_of("Job", job, "id")
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(load.ask()) for _ in range(CLIENTS)]
            watching = [
                tasks.create_task(watchers.watch_socket()),
                tasks.create_task(watchers.watch_events()),
            ]
            await watchers.both_saw(1)
            for version, number in enumerate((0, 1, 0), start=2):
                stopping = asyncio.to_thread(pair.stop, number)
                db.exec_driver_sql("UPDATE jobs SET version = %s WHERE id = %s", (version, row))
                await stopping
                await watchers.both_saw(version)
                await asyncio.to_thread(pair.start, number)
                await asyncio.sleep(2.5)  # the proxy looks, and begins to use it
            load.ending.set()
            await asyncio.gather(*asking)
            for task in watching:
                task.cancel()
        sys.stdout.write(f"{dict(load.answers)}, {dict(watchers.ends)}\n")
        assert set(load.answers) == {"good"}
        assert load.answers["good"] > 500
        # Which process serves a stream is the proxy's choice.
        assert watchers.ends
        assert set(watchers.ends) <= {"WebSocket 1012", "event stream cut"}


@pytest.mark.parametrize("name", ["haproxy", "nginx"])  # Caddy answers 502 until it looks
async def test_a_killed_process_costs_what_was_under_way_and_no_more(
    name, pair, tmp_path, person, job, db
):
    with PROXIES[name](tmp_path, *pair.addresses) as address:
        load, watchers = Load(address, person), Watchers(address, person.token, job)
        row = decode_id_of("Job", job, "id")
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(load.ask()) for _ in range(CLIENTS)]
            watching = [
                tasks.create_task(watchers.watch_socket()),
                tasks.create_task(watchers.watch_events()),
            ]
            await watchers.both_saw(1)
            for version, number in enumerate((0, 1), start=2):
                pair.kill(number)
                db.exec_driver_sql("UPDATE jobs SET version = %s WHERE id = %s", (version, row))
                await watchers.both_saw(version)
                failed = load.failed
                assert failed <= CLIENTS * number + CLIENTS, load.answers
                await asyncio.sleep(2)
                assert load.failed == failed, load.answers
                await asyncio.to_thread(pair.start, number)
                await asyncio.sleep(2.5)  # the proxy looks, and begins to use it
            load.ending.set()
            await asyncio.gather(*asking)
            for task in watching:
                task.cancel()
        sys.stdout.write(f"{dict(load.answers)}, {dict(watchers.ends)}\n")
        assert load.failed <= 2 * CLIENTS
        assert load.answers["good"] > 200
