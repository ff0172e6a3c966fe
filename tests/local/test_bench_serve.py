"""`pacegraph bench-serve`: what it serves is what the benchmark's peers have."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from local.bench_serve import ID_OF
from local.home import running_facts
from settings import child_environment

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parent.parent.parent
QUERIES = ROOT / "bench" / "peers" / "queries" / "pacegraph"
DISTANCES = ["M400", "M800", "M1500", "MILE1", "KM5", "KM10", "HALF_MARATHON", "MARATHON"]


@contextmanager
def bench_serve(home: Path) -> Iterator[dict[str, Any]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = child_environment(
        PYTHONPATH=str(ROOT), PACEGRAPH_HOME=str(home), PORT=str(port), CACHE="off"
    )
    command = [sys.executable, "-m", "cli", "bench-serve", "--activities", "3000", "--with-parent"]
    with subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = monotonic() + 60
            while (facts := running_facts(home)) is None:
                assert process.poll() is None
                assert monotonic() < deadline
                sleep(0.05)
            yield facts
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    home = Path(tempfile.mkdtemp(prefix="pacegraph-test-"))
    with bench_serve(home) as facts:
        yield facts
    shutil.rmtree(home)


@pytest.fixture
def peers(facts) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """The peers' tables."""
    with psycopg.connect(
        f"postgresql://postgres@/postgres?host={facts['pghost']}",
        row_factory=dict_row,
        options="-c timezone=UTC",
    ) as connection:
        connection.execute(ID_OF)
        yield connection


@pytest.fixture
def number(peers) -> Callable[[str], int]:
    """Finds the peers' number of a row by its global id."""
    tables = {"Athlete": "athletes", "Activity": "activities", "BestEffort": "personal_bests"}
    numbers = {
        (type_, row["ours"]): row["id"]
        for type_, table in tables.items()
        for row in peers.execute(
            f"SELECT id, pg_temp.id_of('{type_}', id) AS ours FROM {table}"
        ).fetchall()
    }

    def number(global_id: str) -> int:
        type_, _, id_ = b64decode(global_id).decode().partition(":")
        return numbers[type_, int(id_)]

    return number


def ask(facts: dict[str, Any], query: str, **variables: str) -> Any:
    answer = httpx.post(
        facts["graphql"],
        json={"query": (QUERIES / f"{query}.graphql").read_text(), "variables": variables},
        headers={"authorization": f"Bearer {facts['tokens']['admin']}"},
        timeout=20,
        trust_env=False,
    ).json()
    assert "errors" not in answer
    return answer["data"]


def newest_of(
    peers: psycopg.Connection[dict[str, Any]], athlete_id: int, count: int
) -> list[dict[str, Any]]:
    query = (
        "SELECT * FROM activities WHERE athlete_id = %s ORDER BY start_date DESC, id DESC LIMIT %s"
    )
    return [as_answered(row) for row in peers.execute(query, [athlete_id, count]).fetchall()]


def as_answered(row: dict[str, Any]) -> dict[str, Any]:
    """The row of an activity with its numbers rounded as answers are."""
    meters = {name: round(row[name], 3) for name in ("distance", "elevation_gain")}
    return row | meters | {"average_heartrate": round(row["average_heartrate"], 6)}


def bests_of(peers: psycopg.Connection[dict[str, Any]], athlete_id: int) -> list[dict[str, Any]]:
    return peers.execute(
        "SELECT * FROM personal_bests WHERE athlete_id = %s ORDER BY id", [athlete_id]
    ).fetchall()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_one_athlete_is_the_same_as_the_peers(facts, peers, number):
    ids = Path(facts["ids"]).read_text().split()
    assert len(ids) == 1000
    for athlete_id in (1, 7, 1000):
        athlete = ask(facts, "Q2", id=ids[athlete_id - 1])["athlete"]
        theirs = peers.execute("SELECT * FROM athletes WHERE id = %s", [athlete_id]).fetchone()
        assert theirs is not None
        assert (athlete["firstName"], athlete["lastName"], athlete["city"]) == (
            theirs["firstname"],
            theirs["lastname"],
            theirs["city"],
        )
        activities = newest_of(peers, athlete_id, 20)
        assert len(activities) == 3
        assert [
            (number(node["id"]), node["name"], node["sportType"], instant(node["startedAt"]), node["distanceMeters"],
             node["movingTimeSeconds"], node["averageHeartRate"], node["elevationGainMeters"])
            for node in athlete["activities"]["nodes"]
        ] == [
            (row["id"], row["name"], row["sport_type"], row["start_date"], row["distance"],
             row["moving_time"], row["average_heartrate"], row["elevation_gain"])
            for row in activities
        ]  # fmt: skip
        bests = bests_of(peers, athlete_id)
        assert [
            (
                best["distance"],
                best["elapsedTimeSeconds"],
                instant(best["achievedAt"]),
            )
            for best in athlete["personalBests"]
        ] == [
            (distance, row["elapsed_time"], row["achieved_at"])
            for row, distance in zip(bests, DISTANCES, strict=True)
        ]
        assert [best["ageGrade"]["percent"] for best in athlete["personalBests"]] == pytest.approx(
            [row["age_grade"] * 100 for row in bests]
        )
        assert [number(best["activity"]["id"]) for best in athlete["personalBests"]] == [
            row["activity_id"] for row in bests
        ]


def test_a_list_of_athletes_is_the_same_as_the_peers(facts, peers, number):
    athletes = ask(facts, "Q3")["athletes"]["nodes"]
    assert [number(athlete["id"]) for athlete in athletes] == list(range(1, 51))
    for athlete in athletes:
        athlete_id = number(athlete["id"])
        assert [
            (number(node["id"]), node["name"], node["distanceMeters"], instant(node["startedAt"]))
            for node in athlete["activities"]["nodes"]
        ] == [
            (row["id"], row["name"], row["distance"], row["start_date"])
            for row in newest_of(peers, athlete_id, 5)
        ]
        assert [
            (best["distance"], best["elapsedTimeSeconds"]) for best in athlete["personalBests"]
        ] == [
            (distance, row["elapsed_time"])
            for row, distance in zip(bests_of(peers, athlete_id), DISTANCES, strict=True)
        ]


def test_a_thousand_activities_are_the_same_as_the_peers(facts, peers, number):
    """Pacegraph's are the newest; the peers' the first."""
    nodes = ask(facts, "Q4")["activities"]["nodes"]
    rows = peers.execute(
        "SELECT * FROM activities ORDER BY start_date DESC, id DESC LIMIT 1000"
    ).fetchall()
    theirs = [as_answered(row) for row in rows]
    assert [
        (number(node["id"]), node["name"], node["sportType"], instant(node["startedAt"]), node["distanceMeters"],
         node["movingTimeSeconds"], node["elapsedTimeSeconds"], node["elevationGainMeters"], node["averageHeartRate"],
         node["maxHeartRate"])
        for node in nodes
    ] == [
        (row["id"], row["name"], row["sport_type"], row["start_date"], row["distance"],
         row["moving_time"], row["elapsed_time"], row["elevation_gain"], row["average_heartrate"],
         round(row["average_heartrate"] + 15, 6))
        for row in theirs
    ]  # fmt: skip


def test_run_json_names_what_a_harness_needs(facts):
    assert len(facts["pids"]) == 1
    assert (Path(facts["pgdata"]) / "postmaster.pid").exists() or sys.platform != "linux"
    assert facts["tokens"]["admin"] == facts["tokens"]["athlete"]
