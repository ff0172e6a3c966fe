"""A caller that has PostgreSQL look at whole tables, by operations that return next to nothing.

`python -m tests.security.scans` reads what it is to do from standard input, and writes what it was
told: answers by status and code.
"""

import asyncio
import json
import sys
from collections import Counter
from random import choice, randrange
from time import perf_counter
from typing import Any

from tests.security.http_connection import Connection, post

_ALIASES = 30


def _aliased(field: str) -> str:
    return " ".join(f"a{number}: {field}" for number in range(_ALIASES))


def _of_all(field: str) -> str:
    return f"query($n: String!) {{ {_aliased(field)} }}"


def _of_own_runs(variable: str, field: str) -> str:
    return f"query({variable}) {{ viewer {{ athlete {{ {_aliased(field)} }} }} }}"


def _name() -> dict[str, str]:
    return {"n": f"absent {randrange(10**9)}"}


def _future() -> dict[str, str]:
    return {"d": f"{randrange(2100, 9000)}-{randrange(1, 13):02}-{randrange(1, 29):02}"}


def _switched() -> dict[str, Any]:
    return {"id": choice(_efforts), "on": randrange(2) == 0}


def _range() -> dict[str, Any]:
    return {"s": randrange(10_000) / 3, "d": f"{randrange(1970, 2020)}-01-01"}


def _city() -> dict[str, str]:
    return {"a": _athletes[0], **_name()}


_athletes: list[str] = []
_efforts: list[str] = []
"""Ids of the account's own rows, asked for before the scans."""
_OWN = """{ viewer { athlete { id bestEfforts(distance: KM5, first: 100) { nodes { id } } } } }"""
_EXCLUSION = """mutation($id: ID!, $on: Boolean!) {
    excludeBestEffort(input: { bestEffortId: $id, excluded: $on }) { bestEffort { rank } } }"""
_CHANGE = """mutation($a: ID!, $n: String!) {
    updateAthlete(input: { athleteId: $a, city: $n }) { athlete { city } } }"""
_SAMPLES = """query($s: Float!) { viewer { athlete { activities(first: 60) { nodes {
    streams(from: $s, maxPoints: 50) { timeSeconds heartRate latitude } } } } } }"""
_ZONES = f"""query($d: Date!) {{ viewer {{ athlete {{
    {_aliased("timeInHeartRateZones(from: $d) { number seconds }")} }} }} }}"""
_EFFORTS = "bestEfforts(distance: KM5, first: 1, from: $d) { nodes { id } }"
SCANS = {
    "everybody": [
        (_of_all("activities(filter: { nameContains: $n }) { totalCount }"), _name),
        (_of_all("activities(first: 1, filter: { nameContains: $n }) { nodes { id } }"), _name),
        (_of_all("athletes(filter: { nameContains: $n }) { totalCount }"), _name),
        (_of_own_runs("$d: Date!", _EFFORTS), _future),
    ],
    "own efforts": [(_of_own_runs("$d: Date!", _EFFORTS), _future)],
    "own runs": [
        (_of_own_runs("$n: String!", "activities(filter: { nameContains: $n }) { totalCount }"), _name),
        (_of_own_runs("$d: Date!", "trainingSummary(period: WEEK, from: $d) { runCount }"), _future),
        (_of_own_runs("$d: Date!", _EFFORTS), _future),
    ],
    "own changes": [(_EXCLUSION, _switched), (_CHANGE, _city)],
    "own samples": [(_SAMPLES, _range), (_ZONES, _range)],
}  # fmt: skip
"""Documents that are known after the first time, and their variables. Each answer needs all rows of
what is scanned, and is not cached.
"""


async def _scan(task: dict[str, Any]) -> Counter[str]:
    told: Counter[str] = Counter()
    ends = perf_counter() + task["seconds"]
    headers = {"authorization": f"Bearer {task['token']}"}

    connection = Connection(task["address"])
    found = await connection.send(post(_OWN, headers))
    athlete = json.loads(found.body)["data"]["viewer"]["athlete"]
    _athletes.append(athlete["id"])
    _efforts.extend(each["id"] for each in athlete["bestEfforts"]["nodes"])

    async def client(number: int) -> None:
        connection = Connection(task["address"])
        scans = SCANS[task["scans"]]
        query, variables = scans[number % len(scans)]
        while perf_counter() < ends:
            answer = await connection.send(post(query, headers, variables=variables()))
            told[f"{answer.status} {answer.code}"] += 1

    await asyncio.gather(*(client(number) for number in range(task["connections"])))
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_scan(json.load(sys.stdin)))))
