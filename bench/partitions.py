"""Measure what partitions cost queries: `python -m bench.partitions [--partitions 16] [--only Q2]`.

Two servers have the same rows, one of them in partitions. Each is asked in turn; printed is
the CPU of API and PostgreSQL with partitions, as a part of that without, and the machine's load.
"""

import argparse
import os
import sys
from statistics import median
from time import process_time

from bench.recording import three_hours
from bench.serving import QUERIES, ROOT, Served, print_table, served
from bench.streams import ACTIVITIES, provide, queries
from jobs.sync.stored_streams import EncodedStreams
from local.postgres import DATABASE
from operator_commands.arguments import CommandParser, add_partition_tables_arguments
from operator_commands.partition_tables import partition_tables
from settings import load_settings

TURNS, AT_ONCE = 24, 25
_PORTS = "4201", "4202"
_HOMES = ".local-bench-together", ".local-bench-partitions"


def put_in_partitions(server: Served, partitions: int) -> None:
    """Put the tables of a server in partitions."""
    url = f"postgresql://postgres@/{DATABASE}?host={server.pghost}"
    parser = CommandParser()
    add_partition_tables_arguments(parser)
    options = parser.parse_args(["--partitions", str(partitions)])
    assert partition_tables(load_settings(database_url=url), options) == 0


def cpu_s(server: Served, query: str, variables: dict[str, object]) -> float:
    """Seconds of CPU that some answers take."""
    before_s = server.cpu_with_database_s()
    for _ in range(AT_ONCE):
        server.ask(query, variables)
    return server.cpu_with_database_s() - before_s


def ratio(
    together: Served, parted: Served, query: str, variables: dict[str, object]
) -> tuple[float, float]:
    """The CPU of the second server by that of the first, of all turns and the median of turns."""
    for each in (together, parted):
        cpu_s(each, query, variables)
    pairs = [
        tuple(cpu_s(each, query, variables) for each in (together, parted)) for _ in range(TURNS)
    ]
    sums = [sum(column) for column in zip(*pairs, strict=True)]
    return sums[1] / sums[0], median(after / before for before, after in pairs if before)


def queries_of_activities(athlete: str, activity: str) -> dict[str, str]:
    """What is asked of activities, efforts and bests beside `Q2` to `Q4`, by its name."""
    run, best = "name distanceMeters startedAt", "distance elapsedTimeSeconds"
    longest = "activities(first: 20, orderBy: { field: DISTANCE, direction: DESC })"
    of_athlete = {
        "an athlete's 20 longest runs": f"{longest} {{ nodes {{ {run} }} }}",
        "an athlete's bests, with run and the one before": (
            f"personalBests {{ {best} activity {{ {run} }} previous {{ {best} }} }}"
        ),
        "efforts of 20 runs": (
            f"activities(first: 20) {{ nodes {{ bestEfforts {{ {best} rank }} }} }}"
        ),
    }
    return {
        "a run by its id": f'activity(id: "{activity}") {{ {run} bestEfforts {{ {best} }} }}',
        "newest 50 runs of all": f"activities(first: 50) {{ nodes {{ {run} }} }}",
        "a leaderboard of 50": (
            f"leaderboard(distance: KM5, first: 50) {{ nodes {{ {best} activity {{ {run} }} }} }}"
        ),
    } | {name: f'athlete(id: "{athlete}") {{ {asked} }}' for name, asked in of_athlete.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the answers' names")
    options = parser.parse_args()
    encoded = EncodedStreams.from_samples(three_hours())
    with (
        served(ROOT / _HOMES[0], ACTIVITIES, PORT=_PORTS[0]) as together,
        served(ROOT / _HOMES[1], ACTIVITIES, PORT=_PORTS[1]) as parted,
    ):
        for each in (together, parted):
            provide(each, encoded)
        began_s = process_time()
        put_in_partitions(parted, options.partitions)
        print(f"put in partitions: {process_time() - began_s:.2f} s of CPU of the command")
        found = together.ask_json("{ activities(first: 1) { nodes { id athlete { id } } } }")
        newest = found["activities"]["nodes"][0]
        asked: list[tuple[str, str, dict[str, object]]] = [
            (name, (QUERIES / f"{name}.graphql").read_text(), {"id": together.first_id()})
            for name in ("Q2", "Q3", "Q4")
        ]
        others = queries_of_activities(newest["athlete"]["id"], newest["id"])
        asked += [(name, f"{{ {query} }}", {}) for name, query in others.items()]
        asked += [(name, query, {}) for name, query, _ in queries(newest["id"])]
        rows = []
        for name, query, variables in asked:
            if any(part in name for part in options.only):
                of_all, of_turns = ratio(together, parted, query, variables)
                rows.append((name, f"{of_all:.3f}", f"{of_turns:.3f}", f"{os.getloadavg()[0]:.1f}"))
    print_table(["Answer", "CPU of all turns", "median of turns", "load"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
