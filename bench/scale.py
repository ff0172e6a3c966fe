"""Measure what the API and a sync cost with many activities beside few, and what these take.

`python -m bench.scale [--activities 100000 1000000] [--only Q2 leaderboard]`, or `make scale`. The first
run with a number writes its rows by SQL (10⁷ activities: 80 million efforts, 40 GB) into
.local-scale-ACTIVITIES, where they stay; one that was interrupted goes on. Prints sizes, the CPU of each
shape of a query with its ratio to the smallest number, plans, the retention sweep, VACUUM, and the CPU
of a sync and of a recalculation. Fails if Q2 or the sync is above 1.3. `docs/scale.md` has its results.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import scale_rows
from bench.serving import QUERIES, ROOT, print_table
from bench.sync import measure, write_runs
from bench.work_measured import Figure, measured
from bench.work_mutation_shapes import mutation_shapes
from bench.work_shape import Shape
from bench.work_shapes import shapes
from db.session import SyncDatabase
from jobs.source_retention import delete_due
from local.home import running_facts
from local.postgres import DATABASE
from settings import load_settings

BASE_ACTIVITIES, OWNER_RUNS = 3_000, 2_000
MOST = 1.3
SYNCED_RUNS = 60
VIEWERS = ("stranger", "200 runs", "admin")
_RETENTION_DAYS = 100
_LONG_PLAN = 6_000
_Q2 = "Q2"


@dataclass(frozen=True)
class Scale:
    """What was measured with a number of activities."""

    activities: int
    figures: dict[tuple[str, str], Figure]
    plans: dict[str, str]
    sizes: list[tuple[str, int, int, int]]
    indexes: list[tuple[str, int, int]]
    parts: list[tuple[str, int, int, int, int]]
    sweep_s: float
    vacuum_s: float
    sync_s: float
    recalculation_s: float
    load: float
    """Mean of the machine's running processes in the last 15 minutes, at the end."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activities", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the shapes' names")
    parser.add_argument("--folder", type=Path, default=ROOT)
    parser.add_argument("--port", default="4200")
    options = parser.parse_args()
    found = [_measure(number, options) for number in options.activities]
    for each in found:
        _print_sizes(each)
    few, *more = found
    return max([0, *(_print_ratios(few, each) for each in more)])


def _measure(activities: int, options: argparse.Namespace) -> Scale:
    home = (options.folder / f".local-scale-{activities}").resolve()
    note = home / "scaled.txt"
    base = argparse.Namespace(
        activities=BASE_ACTIVITIES, runs=OWNER_RUNS, sharing="on", port=options.port, home=home
    )
    if not note.exists():
        if not (home / "activities.txt").exists():
            with measured(base):
                pass
        scale_rows.write(home, activities)
        note.write_text("")
    # `bench-serve` checks how many there are, and the sweep of an earlier run deleted some.
    (home / "activities.txt").write_text(str(scale_rows.part_sizes(home)[1]))
    base.activities += activities
    left_out = {each.name for each in mutation_shapes()}
    peers = [_peers_query(name) for name in ("Q2", "Q3", "Q4")]
    wanted = [*peers, *(each for each in shapes() if each.name not in left_out)]
    with measured(base) as database:
        figures = {
            (shape.name, viewer): database.figure(shape, viewer)
            for shape in wanted
            for viewer in VIEWERS
            if any(each in shape.name for each in options.only)
            and not (shape.is_own and viewer == "stranger")
        }
        told = [each.as_json() for each in figures.values()]
        (home / "figures.json").write_text(json.dumps(told, indent=1))
        facts, dsn = database.facts_for("admin"), _dsn(home)
        plans = {shape.name: _plan(home, shape.query(facts)) for shape in peers}
        plans |= {name: _plan(home, query) for name, query in _PLANNED.items()}
        tables, indexes = scale_rows.sizes(dsn)
        vacuum_s, sweep_s = scale_rows.vacuum_s(dsn), _sweep_s(home, dsn)
    sync_s, recalculation_s = _jobs_s(home, options.port)
    load = os.getloadavg()[2]
    parts, _ = scale_rows.part_sizes(home)
    return Scale(
        activities=activities,
        figures=figures,
        plans=plans,
        sizes=tables,
        indexes=indexes,
        parts=parts,
        sweep_s=sweep_s,
        vacuum_s=vacuum_s,
        sync_s=sync_s,
        recalculation_s=recalculation_s,
        load=load,
    )


_PLANNED = {
    "leaderboard": "{ leaderboard(distance: KM5, first: 50) { nodes { id elapsedTimeSeconds } } }",
    "newest activities of all": "{ activities(first: 20) { nodes { id name } } }",
    "activities by a part of the name": (
        '{ activities(first: 20, filter: { nameContains: "no such" }) { nodes { id } } }'
    ),
}


def _peers_query(name: str) -> Shape:
    text = (QUERIES / f"{name}.graphql").read_text()
    return Shape(name, text.replace("$id: ID!", "").replace("()", "").replace("$id", '"$athlete"'))


def _dsn(home: Path) -> str:
    facts = running_facts(home)
    assert facts is not None
    return f"host={facts['pghost']} user=postgres dbname={DATABASE}"


def _plan(home: Path, query: str) -> str:
    """Ask for the plan of a query as an administrator."""
    facts = running_facts(home)
    assert facts is not None
    headers = {
        "authorization": f"Bearer {facts['tokens']['admin']}",
        "graphql-explain": "analyze",
    }
    answer = httpx.post(
        facts["graphql"], json={"query": query}, headers=headers, timeout=60, trust_env=False
    ).json()
    explained: dict[str, Any] = answer["extensions"]["explain"]
    return json.dumps(explained.get("plan"), indent=1)[:_LONG_PLAN]


def _sweep_s(home: Path, dsn: str) -> float:
    """Delete what is kept too long of 20 athletes; returns the seconds."""
    url = f"postgresql://postgres@/{DATABASE}?{dsn.split(maxsplit=1)[0]}"
    settings = load_settings(
        None, database_url=url, pacegraph_home=home, strava_retention_days=_RETENTION_DAYS
    )
    database = SyncDatabase(settings, application_name="bench")
    try:
        began = time.monotonic()
        delete_due(settings, database)
        return time.monotonic() - began
    finally:
        database.close()


def _jobs_s(home: Path, port: str) -> tuple[float, float]:
    """Backfill the runs of an athlete, and recalculate them.

    Returns the seconds of CPU of API, workers and PostgreSQL that each takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs.ndjson"
        write_runs(runs, SYNCED_RUNS, is_whole=True)
        # Else the measured athletes' connections count as those of a real application.
        (home / "strava_application").write_text("simulated")
        found = measure(ROOT, home, runs, port)
        return found["backfill"].total_s, found["recalculation"].total_s


def _print_sizes(scale: Scale) -> None:
    print(f"\n## {scale.activities:,} activities\n")
    rows = [
        (name, f"{count:,}", f"{table / 2**20:,.0f}", f"{index / 2**20:,.0f}")
        for name, count, table, index in scale.sizes
    ]
    print_table(["table", "rows", "MB", "MB of indexes"], rows)
    print_table(
        ["index", "MB", "scans"],
        [(name, f"{size / 2**20:,.1f}", f"{scans:,}") for name, size, scans in scale.indexes],
    )
    parts = [
        (
            name,
            f"{rows / activities:.1f}",
            f"{table / activities:,.0f}",
            f"{index / activities:,.0f}",
        )
        for name, rows, activities, table, index in scale.parts
        if activities
    ]
    print_table(["of an activity with samples", "rows", "bytes", "bytes of indexes"], parts)
    print(
        f"retention sweep of 20 athletes {scale.sweep_s:.2f} s; VACUUM of activities after 1 % "
        f"changed {scale.vacuum_s:.2f} s; sync of {SYNCED_RUNS} runs {scale.sync_s:.2f} s of CPU, "
        f"recalculation {scale.recalculation_s:.2f} s; load {scale.load:.1f}\n"
    )
    for name, plan in scale.plans.items():
        print(f"### {name}\n\n```json\n{plan}\n```\n")


def _print_ratios(few: Scale, many: Scale) -> int:
    rows = []
    q2 = 0.0
    for key, figure in many.figures.items():
        before = few.figures[key]
        ratio = figure.cpu_s / before.cpu_s
        rows.append(
            (
                ratio,
                (
                    *key,
                    before.answer,
                    figure.answer,
                    f"{1000 * before.cpu_s:.2f}",
                    f"{1000 * figure.cpu_s:.2f}",
                    f"{ratio:.2f}",
                ),
            )
        )
        q2 = max(q2, ratio) if key[0] == _Q2 else q2
    rows.sort(reverse=True)
    head = [
        "query",
        "viewer",
        "error",
        "error then",
        f"CPU ms at {few.activities:,}",
        f"at {many.activities:,}",
        "ratio",
    ]
    print_table(head, [cells for _, cells in rows])
    sync = many.sync_s / few.sync_s
    print(f"Q2 {q2:.2f}, sync {sync:.2f} (wanted: at most {MOST})")
    return int(q2 > MOST or sync > MOST)


if __name__ == "__main__":
    sys.exit(main())
