"""Honest clients: pages of a frontend, each opened by somebody who looks at it before opening the
next.

`python -m tests.security.honest_clients` reads what it is to do from standard input, and writes
what it saw.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from time import perf_counter
from typing import Any

from tests.security.http_connection import Connection, post

_START_S = 1.0
"""All begin at once, which is not counted."""
_PAGE = """query Page($id: ID!) { athlete(id: $id) { id firstName lastName city
    activities(first: 20) { nodes { id name sportType startedAt distanceMeters movingTimeSeconds averageHeartRate } }
    personalBests { distance elapsedTimeSeconds achievedAt ageGrade { percent } activity { id name startedAt } } } }"""
_LIST = """query List($least: Float!) { viewer { athlete {
    activities(first: 20, filter: { minDistanceMeters: $least }, orderBy: { field: DISTANCE }) {
      totalCount pageInfo { endCursor hasNextPage } nodes { id name startedAt distanceMeters } } } } }"""
_ACTIVITY = "query Run($id: ID!) { activity(id: $id) { id name startedAt bestEfforts { distance elapsedTimeSeconds } } }"
_VIEWER = "query Me { viewer { scopes athlete { id displayName } } }"


def _next(runner: dict[str, Any]) -> bytes:
    headers = {"authorization": f"Bearer {runner['token']}", **runner["headers"]}
    match random.random():
        case draw if draw < 0.4:
            return post(_PAGE, headers, variables={"id": runner["athlete_id"]})
        case draw if draw < 0.6:
            # never asked before
            return post(_LIST, headers, variables={"least": random.uniform(5000, 20_000)})
        case draw if draw < 0.85:
            return post(_ACTIVITY, headers, variables={"id": random.choice(runner["activity_ids"])})
        case _:
            return post(_VIEWER, headers)


async def _client(
    task: dict[str, Any],
    runner: dict[str, Any],
    seen: list[tuple[float, float]],
    failures: Counter[str],
) -> None:
    connection = Connection(task["address"])
    begins = perf_counter()
    ends = begins + task["seconds"]
    await asyncio.sleep(random.random() * task["pause_s"])
    while (began := perf_counter()) < ends:
        answer = await connection.send(_next(runner))
        if began - begins > _START_S:
            seen.append((perf_counter() - began, began - begins))
        if answer.status != 200 or b'"errors"' in answer.body:
            failures[f"{answer.status} {answer.code}"] += 1
        await asyncio.sleep(random.expovariate(1 / task["pause_s"]))
    connection.close()


async def _run(task: dict[str, Any]) -> dict[str, Any]:
    seen: list[tuple[float, float]] = []
    failures: Counter[str] = Counter()
    await asyncio.gather(*(_client(task, runner, seen, failures) for runner in task["runners"]))
    seen.sort()
    return {
        "requests": len(seen),
        "p50_ms": 1000 * seen[len(seen) // 2][0],
        "p99_ms": 1000 * seen[int(len(seen) * 0.99)][0],
        "slowest": [
            f"{1000 * seconds:.0f} ms at {at:.1f} s" for seconds, at in reversed(seen[-12:])
        ],
        "failures": failures,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(json.load(sys.stdin)))))
