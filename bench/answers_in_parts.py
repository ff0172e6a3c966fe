"""Time answers in parts, by plan and on graphql-core: `python -m bench.answers_in_parts`.

100 runs with their best efforts, which are put off, and 1,000 runs of which 20 are sent at once.
Prints milliseconds until the first part and the last one, the CPU of API and PostgreSQL, and the
same of the answer at once. Medians.
docs/decisions/0028-answers-in-parts.md quotes it.
"""

from statistics import median
from time import perf_counter

import httpx

from bench.serving import Served, print_table, served

ROUNDS = 15
ACTIVITIES = 20_000
ACCEPT = "multipart/mixed;incrementalSpec=v0.2, application/json"
RUN = "id name sportType startedAt distanceMeters movingTimeSeconds elapsedTimeSeconds"
QUERIES = {
    "@defer": f"{{ activities(first: 100) {{ nodes {{ {RUN} ... @defer {{ bestEfforts {{ "
    "id distance elapsedTimeSeconds ageGrade { percent } } } } } }",
    "@stream": f"{{ activities(first: 1000) {{ nodes @stream(initialCount: 20) {{ {RUN} "
    "athlete { id displayName } } } }",
}


def main() -> int:
    rows: list[tuple[object, ...]] = []
    for executor, setting in (("plan", "on"), ("graphql-core", "off")):
        with served(activities=ACTIVITIES, PLANNED_EXECUTION=setting) as server:
            for name, query in QUERIES.items():
                for way, accept in (("parts", ACCEPT), ("at once", "application/json")):
                    rows.append((name, executor, way, *_measure(server, query, accept)))
    print_table(["Query", "by", "sent", "first, ms", "last, ms", "CPU, ms"], rows)
    return 0


def _measure(server: Served, query: str, accept: str) -> tuple[str, str, str]:
    """Get the medians of milliseconds to the first and the last part, and the CPU of one answer."""
    headers = {"authorization": f"Bearer {server.token}", "accept": accept}
    firsts, lasts = [], []
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        _ask(client, server, query)
        cpu_s = server.cpu_with_database_s()
        for _ in range(ROUNDS):
            first_ms, last_ms = _ask(client, server, query)
            firsts.append(first_ms)
            lasts.append(last_ms)
        cpu_ms = 1000 * (server.cpu_with_database_s() - cpu_s) / ROUNDS
    return f"{median(firsts):.1f}", f"{median(lasts):.1f}", f"{cpu_ms:.1f}"


def _ask(client: httpx.Client, server: Served, query: str) -> tuple[float, float]:
    began, first = perf_counter(), 0.0
    with client.stream("POST", server.graphql, json={"query": query}) as response:
        assert response.is_success
        for _ in response.iter_raw():
            first = first or perf_counter()
    return 1000 * (first - began), 1000 * (perf_counter() - began)


if __name__ == "__main__":
    raise SystemExit(main())
