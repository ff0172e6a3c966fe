"""Clients whose documents are all new to the server.

`python -m tests.security.unknown_documents` reads what it is to do from standard input, waits for
the first line's `go` if it is to harm, and writes what it saw.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from random import randrange
from time import perf_counter
from typing import Any

from tests.security.abusive_requests import (
    UNLIKE,
    Headers,
    Template,
    entangled_document,
    introspection,
    long_document,
)
from tests.security.http_connection import Connection, post

_HONEST_CONNECTIONS, _HONEST_PAUSE_S = 3, 0.03
_MAX_ADDRESSES = 60


def aliased_introspection(headers: Headers) -> bytes:
    """28 times the same of the schema, by aliases."""
    asked = " ".join(
        f"{UNLIKE}{number}: types {{ fields {{ name args {{ name }} }} }}" for number in range(28)
    )
    return post(f"{{ __schema {{ {asked} }} }}", headers)  # fmt: skip


def schema_by_variable(headers: Headers) -> bytes:
    """A known document about the schema, with a variable that no answer is kept for."""
    fields = " ".join(f"a{number}: fields {{ name type {{ name }} }}" for number in range(20))
    query = f"query ($n: String!) {{ __type(name: $n) {{ name {fields} }} }}"
    return post(query, headers, variables={"n": UNLIKE})


HARM: list[Template] = [
    aliased_introspection, long_document, entangled_document, introspection, schema_by_variable,
]  # fmt: skip


def _new(template: bytes) -> bytes:
    """Put something into a template that no other process puts there."""
    return template.replace(UNLIKE.encode(), b"n%09d" % randrange(10**9))


def _page(headers: Headers) -> bytes:
    """A page of a frontend, too long to be read on the event loop."""
    fields = " ".join(
        f"{name}: activities(first: 3) {{ totalCount nodes {{ id name startedAt }} }}"
        for name in ("runs", UNLIKE, "walks")
    )
    shared = "query Page { viewer { scopes athlete { id firstName lastName displayName } } rateLimit { limit remaining } %s }"
    return post(shared % fields + "#" + "." * 300, headers)


async def _honest(task: dict[str, Any]) -> dict[str, Any]:
    seen: list[float] = []
    failures: Counter[str] = Counter()
    ends = perf_counter() + task["seconds"]

    async def client(first: int) -> None:
        connection, number = Connection(task["address"]), first
        while perf_counter() < ends:
            number += _HONEST_CONNECTIONS
            page = _page({"x-forwarded-for": f"10.2.0.{number % _MAX_ADDRESSES}"})
            began = perf_counter()
            answer = await connection.send(_new(page))
            seen.append(perf_counter() - began)
            if answer.status != 200 or answer.code:
                failures[f"{answer.status} {answer.code}"] += 1
            await asyncio.sleep(_HONEST_PAUSE_S)

    await asyncio.gather(*(client(number) for number in range(_HONEST_CONNECTIONS)))
    seen.sort()
    p50, p99 = seen[len(seen) // 2], seen[int(len(seen) * 0.99)]
    return {"requests": len(seen), "p50_ms": 1000 * p50, "p99_ms": 1000 * p99, "failures": failures}


async def _harm(task: dict[str, Any]) -> Counter[str]:
    told: Counter[str] = Counter()
    ends = perf_counter() + task["seconds"]

    async def client(number: int) -> None:
        make = HARM[number % len(HARM)]
        template, connection = make(task["headers"]), Connection(task["address"])
        while perf_counter() < ends:
            answer = await connection.send(_new(template))
            told[f"{make.__name__}: {answer.status} {answer.code}"] += 1

    await asyncio.gather(*(client(number) for number in range(task["connections"])))
    return told


if __name__ == "__main__":
    todo = json.loads(sys.stdin.readline())
    if "connections" in todo:
        os.nice(10)  # elsewhere they would have machines of their own
        sys.stdin.readline()  # `go`
        found: Any = asyncio.run(_harm(todo))
    else:
        found = asyncio.run(_honest(todo))
    sys.stdout.write(json.dumps(found))
