"""`pacegraph worker` on three hosts, which share one PostgreSQL and one Redis, until one is killed or goes dark.

Each host has a name, an address, process numbers, a working directory and a home of its own
(`hosts.py`). The simulated Strava is the test's. That hosts have work is seen in RQ, that a job went
on elsewhere in the logs.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from rq import Worker

from operator_commands.migrations import upgrade
from settings import Settings
from tests.faults.all_rows import rows_of_athletes
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, RUNNER, Simulated, simulated_strava
from tests.jobs.test_strava_sync import even_track
from tests.jobs.world import World
from tests.operations.hosted_services import (
    WORKERS,
    HostedServer,
    data,
    network,
    redis,
    server,
    settings,
    until,
)
from tests.operations.hosts import HUB, Host, Network
from tests.operations.programs import ROOT
from tests.patience import PATIENCE_S
from tests.web.api_process import environment_of

__all__ = ["data", "network", "redis", "server", "settings"]
pytestmark = pytest.mark.operations

RUNNERS = range(RUNNER, RUNNER + 6)
RUNS = 8
"""Of each runner."""
BEFORE = 10
"""Requests for samples that are answered before the first host has to wait for one."""
LEASE_S = 3
DARK_S = 45.0
"""Seconds within which who was cut off has noticed it, and has come back."""
MOST_REPEATED = 8
"""Requests that both the lost attempt and the next one made: those of a step that was not committed."""


@pytest.fixture
def strava(network: Network) -> Iterator[Simulated]:
    athletes = len(RUNNERS)
    with simulated_strava(at=HUB, runs=None, synthetic=False, athletes=athletes) as simulated:
        for month, runner in enumerate(RUNNERS, start=1):
            for day in range(1, RUNS + 1):
                track = even_track(5000, 1500 - 10 * day - month)
                start = f"2026-{month:02}-{day:02}T06:00:00Z"
                simulated.add(runner, track, name=f"Run {day}", start_date=start)
        yield simulated


@pytest.fixture
def world(
    settings: Settings, strava: Simulated, redis: Redis, server: HostedServer, tmp_path: Path
) -> Iterator[World]:
    """One turn of Strava's quota is more than all ask for, so that nobody waits for another's."""
    changes = {
        "strava_api_url": f"{strava.url}/api/v3",
        "strava_oauth_url": f"{strava.url}/oauth",
        "strava_client_id": CLIENT_ID,
        "strava_client_secret": CLIENT_SECRET,
        "strava_quota_turn": 10_000,
        "strava_quota_assumed_quarter_hour": 1_000_000,
        "strava_quota_assumed_day": 1_000_000,
        "strava_page_size": 5,
        "strava_timeout_s": PATIENCE_S,
        "nightly_sync_hours": 0,
        "job_lease_s": LEASE_S,
        "job_reconcile_interval_s": 0.2,
        "workers": 1,
    }
    given = type(settings).model_validate(settings.model_dump(exclude_unset=True) | changes)
    upgrade(given)
    made = World(given, strava, redis, tmp_path)
    yield made
    made.close()


class Hosts:
    """The hosts of workers. Each has one."""

    def __init__(self, network: Network, world: World) -> None:
        self._redis, self._folder = world.redis, world.folder
        self._hosts = {name: network[name] for name in WORKERS}
        for name, host in self._hosts.items():
            home = world.folder / name
            home.mkdir()
            here = world.settings.model_copy(update={"pacegraph_home": home})
            command = [sys.executable, "-m", "cli", "worker"]
            given = environment_of(here) | {"PYTHONPATH": str(ROOT)}
            host.start(command, self._log(name), folder=home, **given)
        self.await_all()

    def await_all(self) -> None:
        until(lambda: {each.hostname for each in self._workers()} == set(WORKERS), DARK_S)

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]

    def at_work(self) -> dict[str, int]:
        """The job that each host has, by the host's name."""
        found = {}
        for worker in self._workers():
            if (job := worker.get_current_job()) is not None:
                found[worker.hostname] = job.args[0]
        return found

    def begun(self) -> list[tuple[str, int]]:
        """The host and the job of each attempt."""
        return [
            (name, int(line["job_id"]))
            for name in WORKERS
            for line in map(json.loads, self._log(name).read_text().splitlines())
            if line["message"] == "job started"
        ]

    @property
    def told(self) -> str:
        return "\n".join(f"{name}:\n{self._log(name).read_text()[-3000:]}" for name in WORKERS)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _workers(self) -> list[Any]:
        return list(Worker.all(connection=self._redis))


def without_faults(world: World, server: HostedServer) -> tuple[dict[str, Any], Counter[str]]:
    """What the syncs make, and ask Strava, in a database of their own; Strava is as before then."""
    server.run("CREATE DATABASE reference TEMPLATE postgres")
    bring_back = world.strava.remember()
    url = SecretStr(server.url.removesuffix("postgres") + "reference")
    settings = world.settings.model_copy(update={"database_url": url})
    reference = World(settings, world.strava, world.redis, world.folder)
    athletes = [reference.connect(runner) for runner in RUNNERS]
    world.strava.forget_requests()
    for each in athletes:
        assert reference.sync(each)["status"] == "SUCCEEDED"
    found = rows_of_athletes(reference), requests(world.strava)
    reference.close()
    bring_back()
    world.redis.flushall()
    return found


def requests(strava: Simulated) -> Counter[str]:
    return Counter(strava.control("GET", "/requests")["by_path"])


@pytest.mark.parametrize("fate", ["killed", "cut off"])
def test_jobs_of_a_lost_host_are_done_by_the_others(fate, network, server, world):
    expected, needed = without_faults(world, server)
    athletes = [world.connect(runner) for runner in RUNNERS]
    world.strava.forget_requests()
    hosts = Hosts(network, world)
    with world.strava.door.shut("streams", but_first=BEFORE) as door:
        jobs = [world.enqueue(world.create(each)) for each in athletes]
        until(lambda: door.waiting == len(WORKERS) and len(hosts.at_work()) == len(WORKERS))
        lost, job = next(iter(hosts.at_work().items()))
        if fate == "killed":
            hosts[lost].kill()
        else:
            hosts[lost].cut_off()
    ended = [world.await_job(each, "SUCCEEDED", "FAILED", within_s=2 * PATIENCE_S) for each in jobs]
    assert {each["status"] for each in ended} == {"SUCCEEDED"}, hosts.told
    assert {each["id"]: each["attempts"] for each in ended} == dict.fromkeys(jobs, 1) | {job: 2}
    begun = hosts.begun()
    assert len(begun) == len(jobs) + 1
    assert {name for name, _ in begun} == set(WORKERS)
    assert {name for name, each in begun if each == job} > {lost}, begun
    [other] = {name for name, each in begun if each == job} - {lost}
    sys.stdout.write(f"{fate} {lost}: its job went to {other}; {Counter(n for n, _ in begun)}\n")
    if fate == "cut off":
        hosts[lost].join()
        hosts.await_all()
        again = world.enqueue(world.create(athletes[0]))
        world.await_job(again, "SUCCEEDED")
    assert [world.job(each) for each in jobs] == ended  # what came back has written nothing since
    assert {each["activities_created"] for each in ended} == {RUNS}
    assert rows_of_athletes(world) == expected
    repeated = requests(world.strava) - needed
    sys.stdout.write(f"asked again: {dict(repeated)}\n")
    assert repeated.total() <= MOST_REPEATED
