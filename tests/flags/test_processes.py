"""Flags across real processes: API processes heed the command line, under load, flipped all the
time, without Redis.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count, cycle, pairwise
from time import monotonic

import httpx
import pytest
from pydantic import SecretStr

from flags.rollout import OFF, ON, Rollout
from flags.store import FlagStore
from flags.switches import Flag
from graph.global_id import encode_id
from runtime.redis_clients import redis_client
from settings import child_environment
from tests import factories as make
from tests.web.api_process import ApiProcess, api_process
from tests.web.limits.conftest import until
from tests.web.subscriber import JOB, web_socket

pytestmark = [pytest.mark.anyio, pytest.mark.whole]

CLIENTS = 8
FLIPS = 10
LOOKS_APART_S = 2.5
"""Longer than between two looks at a stream's credentials."""
OWN = "{ viewer { athlete { id firstName activities(first: 5) { totalCount nodes { name distanceMeters } } } } }"
OTHER = "query($id: ID!) { athlete(id: $id) { firstName } }"
SYNC = "mutation($id: ID!) { syncStrava(input: {athleteId: $id}) { job { status } alreadyRunning userErrors { code } } }"


@pytest.fixture
def person(db):
    person = make.create_person(db)
    make.create_connection(db, person.athlete_id)
    for _ in range(5):
        make.create_activity(db, person.athlete_id)
    return person


@pytest.fixture
def shown(db):
    return make.create_person(db, shares=True, first_name="Ana")


class Load:
    """Clients who ask without a pause, each over a connection of its own; `strange` are answers
    that should not be.
    """

    def __init__(self, address: str, person: make.Person, shown: make.Person) -> None:
        self._url = f"http://{address}"
        self._headers = {"authorization": f"Bearer {person.token}"}
        self._person, self._shown = person, shown
        self.counts: Counter[str] = Counter()
        self.strange: list[str] = []
        self.expected = None
        self._is_over = False

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Clients ask inside the block."""
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, trust_env=False, timeout=20
        ) as http:
            self.expected = (await self._ask(http, OWN))["data"]
            async with asyncio.TaskGroup() as clients:
                for _ in range(CLIENTS):
                    clients.create_task(self._client(http))
                try:
                    yield
                finally:
                    self._is_over = True

    async def _client(self, http: httpx.AsyncClient) -> None:
        asks = cycle((self._own, self._other, self._own, self._sync, self._own, self._rest))
        while not self._is_over:
            await next(asks)(http)

    async def _own(self, http: httpx.AsyncClient) -> None:
        answer = await self._ask(http, OWN)
        self._check("own", answer.get("data") == self.expected and "errors" not in answer, answer)

    async def _other(self, http: httpx.AsyncClient) -> None:
        answer = await self._ask(http, OTHER, id=self._shown.id)
        self._check(
            "hidden" if answer.get("data") == {"athlete": None} else "shown",
            "errors" not in answer,
            answer,
        )

    async def _sync(self, http: httpx.AsyncClient) -> None:
        answer = await self._ask(http, SYNC, id=self._person.id)
        is_well = "errors" not in answer and answer["data"]["syncStrava"]["userErrors"] == []
        self._check("sync", is_well, answer)

    async def _rest(self, http: httpx.AsyncClient) -> None:
        response = await http.get("/v1/athletes/me")
        kind = {200: "rest", 410: "rest refused"}.get(response.status_code, "rest failed")
        self._check(kind, kind != "rest failed", response.text)

    async def _ask(self, http: httpx.AsyncClient, query: str, **variables) -> dict:
        response = await http.post("/graphql", json={"query": query, "variables": variables})
        if response.status_code != 200:
            self.strange.append(f"{response.status_code}: {response.text[:200]}")
        return response.json()

    def _check(self, kind: str, is_well: bool, answer: object) -> None:
        self.counts[kind] += 1
        if not is_well:
            self.strange.append(str(answer)[:300])


async def flip(store: FlagStore, flags: Sequence[Flag], is_enough: Callable[[], bool]) -> int:
    """Flip flags all the time, at least ten times, until it is enough; tells how many changes that
    were.
    """
    async with asyncio.timeout(20):
        for number in count(1):
            for flag in flags:
                await asyncio.to_thread(store.set, flag, OFF if number % 2 else ON)
            await asyncio.sleep(0.05)
            if number >= FLIPS and is_enough():
                return number * len(flags)
    raise AssertionError("unreachable")


def command(settings, *arguments: str) -> subprocess.CompletedProcess:
    environment = child_environment(REDIS_URL=settings.redis_url.get_secret_value())
    return subprocess.run(
        [sys.executable, "-m", "cli", "flags", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def lines(api: ApiProcess) -> list[str]:
    """Get the metrics of the flags' states."""
    text = httpx.get(f"http://{api.address}/metrics", trust_env=False).text
    return [each for each in text.splitlines() if each.startswith("pacegraph_feature_flag{")]


def state(api: ApiProcess, flag: Flag) -> float:
    return float(next(line for line in lines(api) if f'flag="{flag}"' in line).rpartition(" ")[2])


async def test_two_processes_heed_a_change_at_once_and_each_says_so(
    settings, tmp_path, person, shown
):
    folders = [tmp_path / name for name in ("first", "second")]
    async with AsyncExitStack() as stack:
        apis = []
        for folder in folders:
            folder.mkdir()
            apis.append(
                stack.enter_context(api_process(settings, folder, feature_flags_refresh_s=60))
            )
        for text, expected in (("on", True), ("off", False)):
            assert command(settings, "set", "sharing", text, "--reason", "a drill").returncode == 0
            began = monotonic()
            await until(
                lambda wanted=expected: all(
                    bool(state(api, Flag.SHARING)) is wanted for api in apis
                )
            )
            assert monotonic() - began < 30, "long before the next look"
            for api in apis:
                body = {"query": OTHER, "variables": {"id": shown.id}}
                headers = {"authorization": f"Bearer {person.token}"}
                async with httpx.AsyncClient(trust_env=False) as http:
                    answer = await http.post(
                        f"http://{api.address}/graphql", json=body, headers=headers
                    )
                assert (answer.json()["data"]["athlete"] is not None) is expected
    for folder in folders:
        lines = [
            json.loads(line)
            for line in (folder / "api.log").read_text().splitlines()
            if line.startswith("{")
        ]
        heeded = [line for line in lines if line["message"] == "a flag changed"]
        assert [line["new"] for line in heeded] == ["on", "off"]
        assert {line["reason"] for line in heeded} == {"a drill"}


async def test_flipped_under_load_no_request_fails(settings, tmp_path, person, shown):
    """One flag after the other, then all at once."""
    with api_process(settings, tmp_path) as api, redis_client(settings) as redis:
        load, store, changes = Load(api.address, person, shown), FlagStore(settings, redis), 0
        async with load.going_on():
            for flags in (*((flag,) for flag in Flag), tuple(Flag)):
                load.counts.clear()
                seen = {"hidden", "sync", "rest"}
                seen |= {"shown"} if Flag.SHARING in flags else set()
                seen |= {"rest refused"} if Flag.LEGACY_REST in flags else set()
                changes += await flip(
                    store,
                    flags,
                    lambda seen=seen: seen <= set(load.counts) and load.counts["own"] > 40,
                )
                assert load.strange == [], flags
                for flag in flags:
                    store.reset(flag)
                await until(lambda: all('source="settings"' in line for line in lines(api)))
                await asyncio.sleep(0.1)  # what was asked before is answered
        assert api.gauges()["feature_flag_changes_total"] > changes / 2, (
            "changes that come at once are heeded at once"
        )
    assert load.strange == []


async def test_percentages_raised_under_load_only_add_callers(settings, tmp_path, db, shown):
    people = [make.create_person(db) for _ in range(20)]
    with api_process(settings, tmp_path) as api, redis_client(settings) as redis:
        store, seen = FlagStore(settings, redis), []
        async with httpx.AsyncClient(base_url=f"http://{api.address}", trust_env=False) as http:

            async def sees(person: make.Person) -> bool:
                body = {"query": OTHER, "variables": {"id": shown.id}}
                headers = {"authorization": f"Bearer {person.token}"}
                return (await http.post("/graphql", json=body, headers=headers)).json()["data"][
                    "athlete"
                ] is not None

            for percent in (0, 20, 50, 80, 100):
                rollout = Rollout(percent)
                store.set(Flag.SHARING, rollout)
                await until(lambda percent=percent: state(api, Flag.SHARING) == percent)
                seen.append({each.athlete_id for each in people if await sees(each)})
                expected = {
                    each.athlete_id
                    for each in people
                    if rollout.is_on(Flag.SHARING, f"athlete:{each.athlete_id}")
                }
                assert seen[-1] == expected
    assert seen[0] == set()
    assert len(seen[-1]) == 20
    assert all(before <= after for before, after in pairwise(seen))


async def test_redis_killed_and_back_under_load(settings, tmp_path, person, shown, redis):
    own = settings.model_copy(
        update={"redis_url": SecretStr(redis.url), "feature_flags_refresh_s": 0.2}
    )
    with api_process(own, tmp_path) as api, redis_client(own) as client:
        store = FlagStore(own, client)
        store.set(Flag.SHARING, ON)
        await until(lambda: state(api, Flag.SHARING) == 100)
        load = Load(api.address, person, shown)
        async with load.going_on():
            for step in (None, redis.kill, redis.start):
                if step is not None:
                    await asyncio.to_thread(step)
                before = load.counts.copy()
                await asyncio.sleep(0.5)
                await until(
                    lambda before=before: all(
                        (load.counts - before)[kind] > 5 for kind in ("shown", "sync")
                    )
                )
        assert load.strange == []
        assert load.counts["hidden"] == 0, "the last known state stays"
        await until(lambda: store.read().get(b"sharing") is not None)
        store.set(Flag.SHARING, OFF)
        await until(lambda: state(api, Flag.SHARING) == 0)
    said = [
        line
        for line in (tmp_path / "api.log").read_text().splitlines()
        if "does not tell the flags" in line
    ]
    assert len(said) == 1


async def test_streams_that_are_open_outlive_all_flips(settings, tmp_path, db, person, shown):
    job = encode_id(
        "Job",
        make.create_job(db, person.athlete_id, kind="PERSONAL_BESTS", status="RUNNING", version=1),
    )
    with api_process(settings, tmp_path) as api, redis_client(settings) as redis:
        async with asyncio.timeout(20), web_socket(api.address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, "job", id=job)
            await socket.next()
            began = monotonic()
            await flip(
                FlagStore(settings, redis), list(Flag), lambda: monotonic() > began + LOOKS_APART_S
            )
            db.exec_driver_sql("UPDATE jobs SET version = version + 1, progress_done = 7")
            assert (await socket.next())["jobUpdated"]["progress"] == {"done": 7}
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    raise AssertionError(await socket.receive())
