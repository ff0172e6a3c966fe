"""An archive of 2,000 activities costs little more than its parsers, and survives kills.

`make test-imports` prints the figures. IMPORT_ACTIVITIES, IMPORT_KILLS and IMPORT_SEED change how
many there are, and which.
"""

import hashlib
import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from graph.global_id import encode_id
from tests.faults.run_process import RunProcess
from tests.imports.archive import write_archive
from tests.imports.parsers import cost_s

pytestmark = pytest.mark.imports
ACTIVITIES = int(os.environ.get("IMPORT_ACTIVITIES", "2000"))
KILLS = int(os.environ.get("IMPORT_KILLS", "10"))
SEED = int(os.environ.get("IMPORT_SEED", "1"))
WORKERS = 2
MOST_TIMES, MOST_MB = 1.3, 250
LEASE_S = 4
WITHIN_S = 3_600
FINGERPRINTS = {
    "activities": """SELECT f.file_name, to_jsonb(a) - ARRAY['id', 'athlete_id', 'created_at', 'updated_at',
            'confirmed_at', 'gear_id', 'duplicate_of_id', 'listed_json'] FROM activities a
        JOIN imported_files f ON f.activity_id = a.id WHERE a.athlete_id = %s ORDER BY 1""",
    "efforts": """SELECT f.file_name, to_jsonb(e) - ARRAY['id', 'athlete_id', 'activity_id'] FROM best_efforts e
        JOIN imported_files f USING (activity_id) WHERE e.athlete_id = %s ORDER BY 1, e.distance""",
    "bests": """SELECT f.file_name, e.distance, e.elapsed_s, e.age_grade_percent, b.is_current
        FROM personal_bests b JOIN best_efforts e ON e.id = b.id
        JOIN imported_files f ON f.activity_id = e.activity_id WHERE e.athlete_id = %s ORDER BY 1, 2""",
    "streams": """SELECT f.file_name, md5(s.samples), md5(s.positions), md5(s.marks), count(l.points), sum(length(l.samples))
        FROM activity_streams s JOIN imported_files f ON f.activity_id = s.activity_id
        LEFT JOIN activity_stream_levels l ON l.activity_id = s.activity_id WHERE f.athlete_id = %s
        GROUP BY 1, 2, 3, 4 ORDER BY 1""",
    "splits": """SELECT f.file_name, to_jsonb(s) - ARRAY['athlete_id', 'activity_id'] FROM activity_splits s
        JOIN imported_files f USING (activity_id) WHERE s.athlete_id = %s ORDER BY 1, s.unit, s.split_number""",
    "rates": """SELECT f.file_name, r.lowest_bpm, r.seconds FROM activity_heart_rates r
        JOIN imported_files f USING (activity_id) WHERE r.athlete_id = %s ORDER BY 1""",
    "routes": """SELECT f.file_name, r.latitudes, r.longitudes FROM activity_routes r
        JOIN imported_files f USING (activity_id) WHERE r.athlete_id = %s ORDER BY 1""",
}  # fmt: skip
STAGE = """mutation($input: StageUploadsInput!) { stageUploads(input: $input) { uploads { id url } userErrors { message } } }"""
IMPORT = """mutation($input: ImportActivitiesInput!) { importActivities(input: $input) { job { id } userErrors { message } } }"""
JOB = """query($id: ID!) { node(id: $id) { ... on Job { status result { activitiesCreated } progress { done total }
    failed: importReport(first: 3, outcomes: [FAILED]) { totalCount nodes { path message } } } } }"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an import took. `memory_mb` is the most that one worker had, its processes together."""

    wall_s: float
    cpu_s: float
    postgres_s: float
    memory_mb: float


class Server:
    """A whole server with two workers, and what its processes use."""

    def __init__(self, run: RunProcess) -> None:
        self.run = run
        self.http = httpx.Client(trust_env=False, timeout=120)

    def athlete(self) -> int:
        with self.database() as connection:
            found = connection.execute(
                "INSERT INTO athletes (first_name, last_name, sex, birth_date) VALUES ('Im', 'Port', 'FEMALE', '1985-05-05') "
                "RETURNING id"
            ).fetchone()
            assert found is not None
            return int(found[0])

    def database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.run.facts["embedded_database_url"], autocommit=True)

    def ask(self, query: str, **variables: object) -> Any:
        answer = self.http.post(
            self.run.facts["graphql"],
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {self.run.facts['tokens']['admin']}"},
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def start_import(self, athlete_id: int, path: Path) -> str:
        athlete = encode_id("Athlete", athlete_id)
        files = [{"name": "export.zip", "sizeBytes": path.stat().st_size}]
        staged = self.ask(STAGE, input={"athleteId": athlete, "files": files})["stageUploads"]
        [upload] = staged["uploads"]
        with path.open("rb") as source:
            self.http.put(upload["url"], content=source).raise_for_status()
        wanted = {"athleteId": athlete, "uploadIds": [upload["id"]], "visibility": "ONLY_ME"}
        job: str = self.ask(IMPORT, input=wanted)["importActivities"]["job"]["id"]
        return job

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(JOB, id=job_id)["node"]
        return found

    def finish(self, job_id: str) -> tuple[dict[str, Any], float]:
        """Wait for the end; returns the job, and the most MB that a worker had."""
        most_mb, until = 0.0, time.monotonic() + WITHIN_S
        while (found := self.job(job_id))["status"] in {"QUEUED", "RUNNING", "WAITING"}:
            assert time.monotonic() < until, found
            most_mb = max(most_mb, *(memory_mb(each) for each in self.workers()))
            time.sleep(0.5)
        return found, most_mb

    def workers(self) -> list[psutil.Process]:
        """The workers' processes, each with its own below it."""
        pool = self.run.child("worker")
        return pool.children() if pool else []

    def cpu_s(self, name: str) -> float:
        """CPU seconds of the `worker`s or of `PostgreSQL`, with their processes that have ended."""
        top = self.run.child(name)
        assert top is not None
        return sum(with_ended_s(each) for each in (top, *top.children(recursive=True)))


def with_ended_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def memory_mb(worker: psutil.Process) -> float:
    """Memory of a worker and its processes; pages that they share count once (PSS)."""
    total = 0
    with suppress(psutil.Error):
        for each in (worker, *worker.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total / 2**20


def fingerprint(server: Server, athlete_id: int) -> dict[str, tuple[int, str]]:
    found = {}
    with server.database() as connection:
        for name, query in FINGERPRINTS.items():
            digest, count = hashlib.sha256(), 0
            for row in connection.execute(query, (athlete_id,)):
                digest.update(repr(row).encode())
                count += 1
            found[name] = (count, digest.hexdigest())
    return found


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "export.zip"
    write_archive(path, ACTIVITIES, SEED)
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    run = RunProcess(WORKERS=str(WORKERS), JOB_LEASE_S=str(LEASE_S))
    run.start()
    server = Server(run)
    try:
        yield server
    finally:
        server.http.close()
        run.remove()


@pytest.fixture(scope="module")
def imported(server: Server, archive: Path) -> tuple[int, Cost]:
    """An athlete with the archive, and what its import took."""
    athlete_id = server.athlete()
    names = ("worker", "PostgreSQL")
    began_s, began = [server.cpu_s(name) for name in names], time.monotonic()
    job, most_mb = server.finish(server.start_import(athlete_id, archive))
    wall_s = time.monotonic() - began
    workers_s, postgres_s = (server.cpu_s(n) - s for n, s in zip(names, began_s, strict=True))
    cost = Cost(wall_s, workers_s + postgres_s, postgres_s, most_mb)
    assert (job["status"], job["result"]["activitiesCreated"]) == ("SUCCEEDED", ACTIVITIES), job
    return athlete_id, cost


def test_it_costs_little_more_than_its_parsers(archive, imported):
    _, cost = imported
    readers_s, libraries_s = (cost_s(archive, way, WORKERS) for way in ("readers", "libraries"))
    times, wall = cost.cpu_s / readers_s, cost.wall_s / readers_s
    print(  # noqa: T201 - what the test is for
        f"\n{ACTIVITIES} activities: readers {readers_s:.1f} s of CPU, of which fitdecode and lxml "
        f"{libraries_s:.1f} s; import with {WORKERS} workers {cost.cpu_s:.1f} s of CPU "
        f"({times:.2f} times), of which PostgreSQL {cost.postgres_s:.1f} s; {cost.wall_s:.1f} s "
        f"({wall:.2f} times), {cost.memory_mb:.0f} MB a worker"
    )
    assert cost.memory_mb <= MOST_MB
    assert times <= MOST_TIMES
    assert wall <= MOST_TIMES


def test_importing_it_again_changes_nothing(server, archive, imported):
    athlete_id, _ = imported
    before = fingerprint(server, athlete_id)
    job, _ = server.finish(server.start_import(athlete_id, archive))
    assert (job["status"], job["result"]["activitiesCreated"]) == ("SUCCEEDED", 0)
    assert fingerprint(server, athlete_id) == before


def test_killed_at_random_points_it_ends_with_the_same_rows(server, archive, imported):
    athlete_id = server.athlete()
    draw = random.Random(SEED)
    points = sorted(draw.randrange(ACTIVITIES) for _ in range(KILLS))
    job_id = server.start_import(athlete_id, archive)
    killed = []
    for point in points:
        while (found := server.job(job_id))["progress"]["done"] < point:
            assert found["status"] in {"QUEUED", "RUNNING", "WAITING"}, found
            time.sleep(0.05)
        below = [each for worker in server.workers() for each in family(worker)]
        victim = draw.choice(below)
        killed.append(f"{' '.join(victim.name().split())} at {found['progress']['done']}")
        with suppress(psutil.Error):
            victim.kill()
    job, _ = server.finish(job_id)
    print(f"\nkilled: {', '.join(killed)}")  # noqa: T201
    assert job["status"] == "SUCCEEDED", job
    assert job["failed"]["totalCount"] == 0, job["failed"]
    assert fingerprint(server, athlete_id) == fingerprint(server, imported[0])


def family(worker: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [worker, *worker.children(recursive=True)]
    return []
