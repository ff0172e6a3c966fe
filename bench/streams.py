"""Measure charts of a 3-hour recording: `python -m bench.streams`.

Prints the CPU of the API and of PostgreSQL together, less what a request costs by itself, for a
chart of one recording and for the sparklines of 50 in one query, and the bytes that are stored for
a sample. Exits with 1 if a figure is above its limit.
"""

import sys
from collections.abc import Sequence
from time import process_time

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import create_engine, text

from bench.recording import SECONDS, three_hours
from bench.serving import ROOT, Served, print_table, served
from jobs.sync.stored_streams import EncodedStreams, store_streams
from local.postgres import DATABASE

ACTIVITIES = 20_000
CHARTS = 50
ROUNDS = 300
MAX_CHART_MS, MAX_SPARKLINES_MS, MAX_BYTES = 3.0, 15.0, 12.0
_COLUMNS = "timeSeconds distanceMeters heartRate cadence altitudeMeters powerWatts"
_NEWEST = "SELECT id, athlete_id FROM activities ORDER BY started_at DESC, id DESC LIMIT %s"


def provide(server: Served, encoded: EncodedStreams) -> None:
    """Store the recording as that of the newest activities."""
    dsn = f"host={server.pghost} user=postgres dbname={DATABASE}"
    with psycopg.connect(dsn, row_factory=namedtuple_row) as connection:
        activities = connection.execute(_NEWEST, [CHARTS]).fetchall()
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    with engine.begin() as connection:
        for each in activities:
            store_streams(connection, each, encoded)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) activity_streams, activity_stream_levels"))
    engine.dispose()


def cpu_ms(server: Served, query: str) -> float:
    """CPU of one answer, in the API and in PostgreSQL."""
    for _ in range(20):
        server.ask(query)
    before_s = server.cpu_with_database_s()
    for _ in range(ROUNDS):
        server.ask(query)
    return 1000 * (server.cpu_with_database_s() - before_s) / ROUNDS


def queries(activity: str) -> Sequence[tuple[str, str, float | None]]:
    """What is measured: a name, the query, and the most milliseconds that are wanted."""
    one = f'{{ activity(id: "{activity}") {{ streams(%s) {{ {_COLUMNS} }} }} }}'
    many = f"{{ activities(first: {CHARTS}) {{ nodes {{ streams(maxPoints: 60) {{ %s }} }} }} }}"
    return (
        ("a chart of 500 points, six columns", one % "maxPoints: 500", MAX_CHART_MS),
        ("a range of 600 s, all 600 samples", one % "from: 3000, until: 3600, maxPoints: 1000", None),
        ("500 points of the second hour", one % "from: 3600, until: 7200", None),
        ("5,000 points of all", one % "maxPoints: 5000", None),
        (f"{CHARTS} sparklines of 60 points, two columns",
         many % "timeSeconds heartRate", MAX_SPARKLINES_MS),
        (f"{CHARTS} sparklines, six columns", many % _COLUMNS, None),
    )  # fmt: skip


def main() -> int:
    samples = three_hours()
    made_s = process_time()
    encoded = EncodedStreams.from_samples(samples)
    encoded_ms = 1000 * (process_time() - made_s)
    rows: list[tuple[object, ...]] = []
    failed = False
    with served(ROOT / ".local-bench-streams", ACTIVITIES) as server:
        provide(server, encoded)
        found = server.ask_json("{ activities(first: 1) { nodes { id } } }")
        own_ms = cpu_ms(server, "{ __typename }")
        for name, query, most_ms in queries(found["activities"]["nodes"][0]["id"]):
            size = len(server.ask(query))
            took_ms = cpu_ms(server, query) - own_ms
            failed = failed or (most_ms is not None and took_ms > most_ms)
            wanted = "" if most_ms is None else f"≤ {most_ms:g}"
            rows.append((name, f"{size:,}", wanted, f"{took_ms:.2f}"))
    print_table(["Answer", "bytes", "wanted, ms", "CPU, ms"], rows)
    print(f"a request by itself: {own_ms:.2f} ms")
    stored = len(encoded.samples) + len(encoded.positions or b"")
    levels = sum(len(each.samples) + len(each.positions or b"") for each in encoded.levels)
    print(
        f"a sample of all these columns and a position: {stored / SECONDS:.1f} bytes (wanted: at "
        f"most {MAX_BYTES:g}); its marks {len(encoded.marks) / SECONDS:.1f}, the levels "
        f"{levels / SECONDS:.1f}"
    )
    print(f"encoding the recording with its levels: {encoded_ms:.0f} ms of CPU\n")
    return int(failed or stored / SECONDS > MAX_BYTES)


if __name__ == "__main__":
    sys.exit(main())
