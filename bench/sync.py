"""CPU of a backfill from Strava, and of a recalculation, of API, workers and PostgreSQL, beside
another version.

    python -m bench.sync --runs 200 --other /path/to/another/checkout

Each tree runs `pacegraph run` with a simulated Strava that has `--runs` runs with streams of an hour,
a sample a second. The trees take turns. Strava's simulator, Redis and the supervisor are not counted.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.recording import three_hours
from bench.serving import ROOT, cpu_with_ended_s
from settings import child_environment

_HOUR_S = 3600
_OLD_COLUMNS = ("time", "distance", "heartrate")
_RECORDINGS = 10
"""Different recordings; the runs take them in turn."""
_READY_WITHIN_S = 180
_NEWEST = datetime(2026, 6, 1, 6, tzinfo=UTC)
_SYNC = "mutation($id: ID!) { syncStrava(input: {athleteId: $id}) { job { id } } }"
_RECALCULATE = (
    "mutation($id: ID!) { recalculatePersonalBests(input: {athleteId: $id}) { job { id } } }"
)
_JOB = "query($id: ID!) { job(id: $id) { status progress { done } } }"
_JOBS = {"backfill": _SYNC, "recalculation": _RECALCULATE}
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_LOOK_EVERY_S = 0.5
REAPED_WITHIN_S = 2.0
"""Seconds until the process of an ended job is one of its worker's: until then nothing tells its
CPU.
"""
_KINDS = {"api": "API", "worker": "workers"}


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of CPU by part, and of time, of one job."""

    cpu_s: dict[str, float]
    took_s: float

    @property
    def total_s(self) -> float:
        return sum(self.cpu_s.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sync", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--other", type=Path, help="a checkout to compare with")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    trees = [ROOT, *([given.other.resolve()] if given.other else [])]
    found: dict[Path, list[dict[str, Measured]]] = {tree: [] for tree in trees}
    with tempfile.TemporaryDirectory(prefix="pacegraph-bench-sync-") as folder:
        runs = {tree: Path(folder) / f"{number}.ndjson" for number, tree in enumerate(trees)}
        for tree, path in runs.items():
            write_runs(path, given.runs, is_whole=tree == ROOT)
        for number in range(given.rounds):
            for tree in trees:
                measured = measure(tree, Path(folder) / f"{trees.index(tree)}-{number}", runs[tree])
                found[tree].append(measured)
                _print(tree, measured, given.runs)
    for what in _JOBS if given.other else ():
        own, other = (min(each[what].total_s for each in found[tree]) for tree in trees)
        print(f"{what}: {own / other:.2f} of the other's CPU")
    return 0


def write_runs(path: Path, count: int, *, is_whole: bool) -> None:
    """Write runs of an hour in the form of SIMULATOR_RUNS.

    Only whole ones have more than older versions ask for, which their simulators refuse.
    """
    recordings = [_streams(seed) for seed in range(min(count, _RECORDINGS))]
    if not is_whole:
        recordings = [{name: each[name] for name in _OLD_COLUMNS} for each in recordings]
    texts = [json.dumps(each) for each in recordings]
    with path.open("w") as file:
        for number in range(count):
            place = number % len(texts)
            activity = json.dumps(_activity(number, recordings[place]["distance"][-1]))
            file.write(f'{{"activity":{activity},"streams":{texts[place]}}}\n')


def _streams(seed: int) -> dict[str, list[Any]]:
    """Make the columns that Strava sends of an outdoor run with all sensors."""
    whole = three_hours(seed)

    def hour(values: Any, digits: int | None) -> list[Any]:
        return [None if each is None else round(each, digits) for each in values[:_HOUR_S]]

    distance_m = hour(whole.distance_m, 1)
    steps = zip([0.0, *distance_m], distance_m, strict=False)
    latitude, longitude = hour(whole.latitude, 6), hour(whole.longitude, 6)
    return {
        "time": hour(whole.time_s, None),
        "distance": distance_m,
        "heartrate": hour(whole.heart_rate_bpm, None),
        "cadence": hour(whole.cadence_rpm, None),
        "altitude": hour(whole.altitude_m, 1),
        "watts": hour(whole.power_w, None),
        "velocity_smooth": [round(after - before, 1) for before, after in steps],
        "latlng": [list(each) for each in zip(latitude, longitude, strict=True)],
    }


def _activity(number: int, distance_m: float) -> dict[str, Any]:
    started = f"{_NEWEST - number * timedelta(hours=26):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "id": 7_000_000_000 + number,
        "name": f"Morning Run {number}",
        "sport_type": "Run",
        "distance": distance_m,
        "moving_time": _HOUR_S - 1,
        "elapsed_time": _HOUR_S - 1,
        "total_elevation_gain": 120.0,
        "start_date": started,
        "start_date_local": started,
        "timezone": "(GMT+00:00) UTC",
        "visibility": "everyone",
        "has_heartrate": True,
        "average_heartrate": 150.0,
    }


def measure(tree: Path, home: Path, runs: Path, port: str = "4210") -> dict[str, Measured]:
    """Run the jobs in the tree, with services of its own."""
    with (
        running(tree, home, runs, PORT=port) as facts,
        httpx.Client(trust_env=False, timeout=60) as http,
    ):
        ask = _asking(http, facts)
        return {
            what: _job(
                lambda mutation=mutation: ask(mutation, facts["athlete_id"]), ask, facts, home
            )
            for what, mutation in _JOBS.items()
        }


def _job(
    begin: Callable[[], dict[str, Any]], ask: Any, facts: dict[str, Any], home: Path
) -> Measured:
    before, began = cpu_of(facts["pid"], home), time.monotonic()
    [payload] = begin().values()
    while (found := ask(_JOB, payload["job"]["id"])["job"])["status"] not in _ENDED:
        time.sleep(_LOOK_EVERY_S)
    took_s = time.monotonic() - began
    time.sleep(REAPED_WITHIN_S)
    after = cpu_of(facts["pid"], home)
    assert found["status"] == "SUCCEEDED", found
    return Measured({part: after[part] - before[part] for part in after}, took_s)


def _asking(http: httpx.Client, facts: dict[str, Any]) -> Any:
    headers = {"authorization": f"Bearer {facts['tokens']['athlete']}"}

    def ask(query: str, node_id: str) -> dict[str, Any]:
        body = {"query": query, "variables": {"id": node_id}}
        answer = http.post(facts["graphql"], json=body, headers=headers).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    return ask


@contextmanager
def running(
    tree: Path, home: Path, runs: Path, *, workers: int = 1, **environment: str
) -> Iterator[dict[str, Any]]:
    """Run `pacegraph run` in the tree while the block runs; gives the facts of its run.json."""
    values = {
        "PORT": "4210",
        "PACEGRAPH_HOME": str(home),
        "SIMULATOR_RUNS": str(runs),
        "WORKERS": str(workers),
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "run", "--with-parent"],
        cwd=tree,
        env=child_environment(**values),
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + _READY_WITHIN_S
        while not (home / "run.json").exists():  # which has no process id in older versions
            assert process.poll() is None, f"{tree}: pacegraph run ended"
            assert time.monotonic() < until, f"{tree}: pacegraph run is not ready"
            time.sleep(0.1)
        yield json.loads((home / "run.json").read_text()) | {"pid": process.pid}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu_of(run_pid: int, home: Path) -> dict[str, float]:
    """Seconds of CPU that each part has used, by processes that ended too."""
    parts = dict.fromkeys((*_KINDS.values(), "PostgreSQL"), 0.0)
    for process in psutil.Process(run_pid).children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "cli" in command and (kind := _KINDS.get(command[command.index("cli") + 1])):
            parts[kind] += cpu_with_ended_s(process)
    [postmaster] = home.rglob("postmaster.pid")
    server = psutil.Process(int(postmaster.read_text().split("\n", 1)[0]))
    for process in (server, *server.children(recursive=True)):
        parts["PostgreSQL"] += cpu_with_ended_s(process)
    return parts


def _print(tree: Path, found: dict[str, Measured], runs: int) -> None:
    for what, measured in found.items():
        parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in measured.cpu_s.items())
        each = 1000 * measured.total_s / runs
        print(
            f"{tree.name}: {what} of {runs} runs in {measured.took_s:.1f} s; CPU "
            f"{measured.total_s:.2f} s ({parts}), {each:.1f} ms a run",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
