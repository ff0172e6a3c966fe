"""How long recalculations take, and that a killed one goes on.

    python -m bench.recalculation [--runs 5000] [--athletes 1000] [--share 1]

The rows are written by SQL into the database of a `pacegraph run` with two workers. `--share` makes
fewer rows and shorter limits, such as a tenth. Exits with 1 where a limit is missed.
"""

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import create_engine

from athletics.distance import StandardDistance
from bench.recording import first_hour
from bench.serving import ROOT, print_table
from bench.sync import REAPED_WITHIN_S, cpu_of, running, write_runs
from graph.global_id import encode_id
from jobs.sync.derived_rows import EFFORTS_VERSION
from jobs.sync.stored_streams import EncodedStreams, store_streams
from local.postgres import DATABASE

RUNS, ATHLETES, RUNS_OF_EACH = 5_000, 1_000, 200
STORED_S, STREAMS_S, MANY_S = 10, 60, 120
_RECORDINGS = 10
_LOOK_EVERY_S = 0.2
_RECALCULATE = (
    "mutation($id: ID) { recalculatePersonalBests(input: {athleteId: $id}) { job { id } } }"
)
_JOB = "query($id: ID!) { job(id: $id) { status progress { done total } } }"
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_ATHLETES = """
    INSERT INTO athletes (first_name, last_name, sex, birth_date)
    SELECT 'Athlete', number, 'FEMALE', date '1980-05-17' + number %% 3650
    FROM generate_series(1, %(athletes)s) number RETURNING id
"""
_ACTIVITIES = """
    INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at,
        started_at_local, timezone, distance_m, moving_time_s, elapsed_time_s, visibility,
        streams_state, efforts_version)
    SELECT athlete, 'STRAVA', (SELECT coalesce(max(strava_id), 8e9) FROM activities)
        + row_number() OVER (), 'Run', 'Run', began, began, 'UTC', 10500, 3150, 3150, 'EVERYONE',
        'ABSENT', %(version)s
    FROM unnest(%(ids)s::bigint[]) athlete, generate_series(1, %(runs)s) number,
        LATERAL (SELECT timestamptz '2026-06-01 06:00Z' - number * interval '26 h' AS began) start
"""
_EFFORTS = """
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s,
        start_offset_s, achieved_at, provenance, implied, counts)
    SELECT athlete_id, id, distance.name, meters, took_s, 10, started_at + took_s * interval '1 s', 'STREAM',
        false, false
    FROM activities, unnest(%(names)s::text[], %(meters)s::float8[]) distance (name, meters),
        LATERAL (SELECT meters * (0.25 + (id %% 997) / 9970.0) AS took_s) pace
    WHERE athlete_id = ANY(%(ids)s) AND meters <= distance_m
"""
_COPIES = """
    INSERT INTO activity_streams
        (activity_id, athlete_id, sample_count, samples, positions, marks, duration_s, is_complete)
    SELECT target.id, s.athlete_id, s.sample_count, s.samples, s.positions, s.marks,
        s.duration_s, s.is_complete
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY target (id, place)
    JOIN activity_streams s
        ON s.activity_id = (%(models)s::bigint[])[1 + place %% cardinality(%(models)s)]
    ON CONFLICT DO NOTHING
"""
_RUNS_OF = "SELECT id, athlete_id FROM activities WHERE athlete_id = %s ORDER BY started_at DESC"
_WITH_STREAMS = """
    UPDATE activities SET streams_state = 'STORED', distance_m = %(meters)s, elapsed_time_s = 3599,
        moving_time_s = 3599
    WHERE athlete_id = %(athlete)s
"""


class Bench:
    """A running pacegraph, its database, and the figures."""

    def __init__(self, facts: dict[str, Any], home: Path, http: httpx.Client) -> None:
        self._facts, self._home, self._http = facts, home, http
        [postmaster] = home.rglob("postmaster.pid")
        lines = postmaster.read_text().splitlines()
        # Its folder may be open in the server alone.
        self._socket = lines[4].replace("/proc/self/", f"/proc/{lines[0]}/")
        self.rows: list[tuple[str, str, str, str]] = []
        self.has_missed = False

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(f"host={self._socket} user=postgres dbname={DATABASE}")

    def create(self, athletes: int, runs: int) -> list[int]:
        """Create athletes with runs and their efforts; returns their ids."""
        with self.connect() as connection:
            ids = [row[0] for row in connection.execute(_ATHLETES, {"athletes": athletes})]
            values = {"ids": ids, "runs": runs, "version": EFFORTS_VERSION}
            connection.execute(_ACTIVITIES, values)
            names = [each.value for each in StandardDistance]
            meters = [each.meters for each in StandardDistance]
            connection.execute(_EFFORTS, {"ids": ids, "names": names, "meters": meters})
        self._vacuum()
        return ids

    def record(self, athlete: int) -> None:
        """Give the athlete's runs streams of an hour."""
        models = [first_hour(seed) for seed in range(_RECORDINGS)]
        with self.connect() as connection:
            cursor = connection.cursor(row_factory=namedtuple_row)
            activities = cursor.execute(_RUNS_OF, [athlete]).fetchall()
            ids = [each.id for each in activities]
            meters = models[0].distance_m[-1]
            connection.execute(_WITH_STREAMS, {"athlete": athlete, "meters": meters})
        engine = create_engine("postgresql+psycopg://", creator=self.connect)
        with engine.begin() as connection:
            for activity, samples in zip(activities, models, strict=False):
                store_streams(connection, activity, EncodedStreams.from_samples(samples))
        engine.dispose()
        with self.connect() as connection:
            connection.execute(_COPIES, {"ids": ids, "models": ids[:_RECORDINGS]})
        self._vacuum()

    def bests(self) -> int:
        """Count the personal bests."""
        with self.connect() as connection:
            row = connection.execute("SELECT count(*) FROM personal_bests").fetchone()
        assert row is not None
        return int(row[0])

    def measure(self, what: str, most_s: float, athlete: int | None = None) -> None:
        """Run the job, for the athlete or for all, and note how long it took."""
        before = cpu_of(self._facts["pid"], self._home)
        took_s = self.recalculate(athlete)
        time.sleep(REAPED_WITHIN_S)
        after = cpu_of(self._facts["pid"], self._home)
        cpu_s = sum(after.values()) - sum(before.values())
        self.has_missed |= took_s > most_s
        self.rows.append((what, f"≤ {most_s:g}", f"{took_s:.1f}", f"{cpu_s:.1f}"))

    def recalculate(self, athlete: int | None = None, *, with_kill: bool = False) -> float:
        """Run the job; returns the seconds. With a kill in the middle, what was done is kept."""
        began = time.monotonic()
        node_id = None if athlete is None else encode_id("Athlete", athlete)
        job = self._ask(_RECALCULATE, node_id)["recalculatePersonalBests"]["job"]
        while (found := self._ask(_JOB, job["id"])["job"])["status"] not in _ENDED:
            progress = found["progress"]
            if with_kill and progress["done"] * 2 > (progress["total"] or progress["done"] * 2):
                self._kill_attempts()
                with_kill = False
            time.sleep(_LOOK_EVERY_S)
        assert found["status"] == "SUCCEEDED", found
        assert not with_kill
        assert found["progress"]["done"] == found["progress"]["total"], found
        return time.monotonic() - began

    def _kill_attempts(self) -> None:
        """End the processes that work on jobs: the workers' children, which are the pool's."""
        for process in psutil.Process(self._facts["pid"]).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                above = process.parents()[:2]
                if all("worker" in each.cmdline() for each in (process, *above)):
                    process.kill()

    def _ask(self, query: str, node_id: str | None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._facts['tokens']['admin']}"}
        body = {"query": query, "variables": {"id": node_id}}
        answer = self._http.post(self._facts["graphql"], json=body, headers=headers).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def _vacuum(self) -> None:
        with self.connect() as connection:
            connection.autocommit = True
            connection.execute("VACUUM (ANALYZE) activities, best_efforts, activity_streams")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.recalculation", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--athletes", type=int, default=ATHLETES)
    parser.add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    runs, athletes = (max(1, round(given.share * each)) for each in (given.runs, given.athletes))
    with tempfile.TemporaryDirectory(prefix="pacegraph-bench-recalculation-") as folder:
        home, path = Path(folder) / "home", Path(folder) / "runs.ndjson"
        write_runs(path, 1, is_whole=True)
        with (
            running(ROOT, home, path, workers=2) as facts,
            httpx.Client(trust_env=False, timeout=60) as http,
        ):
            bench = Bench(facts, home, http)
            _measure(bench, runs, athletes, given.share)
    head = ["Recalculation", "wanted, s", "took, s", "CPU of API, workers, PostgreSQL, s"]
    print_table(head, bench.rows)
    return int(bench.has_missed)


def _measure(bench: Bench, runs: int, athletes: int, share: float) -> None:
    [athlete] = bench.create(1, runs)
    bench.measure(f"one athlete, {runs:,} runs, from stored efforts", STORED_S * share)
    bench.record(athlete)
    bench.measure(f"one athlete, {runs:,} runs, from streams", STREAMS_S * share, athlete)
    whole = bench.bests()
    took_s = bench.recalculate(athlete, with_kill=True)
    assert bench.bests() == whole
    bench.rows.append(("the same, killed in the middle", "", f"{took_s:.1f}", ""))
    bench.create(athletes, RUNS_OF_EACH)
    many = f"{athletes:,} athletes, {athletes * RUNS_OF_EACH:,} runs, from stored efforts"
    bench.measure(many, MANY_S * share)


if __name__ == "__main__":
    sys.exit(main())
