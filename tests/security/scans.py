"""A caller that has PostgreSQL look at whole tables, by operations that return next to nothing.

`python -m tests.security.scans` reads what it is to do from standard input, and writes what it was
told: answers by status and code.
"""

import asyncio
import json
import sys
from collections import Counter
from random import randrange
from time import perf_counter
from typing import Any

from tests.security.http_connection import Connection, post

_ALIASES = 30


def _aliased(field: str) -> str:
    fields = " ".join(f"a{number}: {field.replace('%', str(number))}" for number in range(_ALIASES))
    return f"query($n: String!) {{ {fields} }}"


SCANS = {
    "totals by name": _aliased("activities(filter: { nameContains: $n }) { totalCount }"),
    "first of no name": _aliased(
        "activities(first: 1, filter: { nameContains: $n }) { nodes { id } }"
    ),
    "athletes of no name": _aliased("athletes(filter: { nameContains: $n }) { totalCount }"),
}
"""Documents that are known after the first time. Each answer needs all rows, and is not cached."""


async def _scan(task: dict[str, Any]) -> Counter[str]:
    told: Counter[str] = Counter()
    ends = perf_counter() + task["seconds"]
    headers = {"authorization": f"Bearer {task['token']}"}

    async def client(number: int) -> None:
        connection = Connection(task["address"])
        query = list(SCANS.values())[number % len(SCANS)]
        while perf_counter() < ends:
            name = f"absent {randrange(10**9)}"
            answer = await connection.send(post(query, headers, variables={"n": name}))
            told[f"{answer.status} {answer.code}"] += 1

    await asyncio.gather(*(client(number) for number in range(task["connections"])))
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_scan(json.load(sys.stdin)))))
