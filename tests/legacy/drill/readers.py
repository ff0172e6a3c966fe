"""Clients that read all the while, each on a connection of its own, and note every answer that is
not what it was.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

from tests.security.http_connection import Answer, Connection, post

READERS = 4
PAUSE_S = 0.2
_READS = (
    "query Page($id: ID!) { athlete(id: $id) { id firstName activities(first: 20) { nodes { id name } } } }",
    "{ viewer { athlete { id personalBests { distance elapsedTimeSeconds activity { id name } } } } }",
    "query Filtered { activities(first: 5, filter: { minDistanceMeters: 3000 }) { totalCount nodes { id } } }",
    "{ rateLimit { remaining } viewer { scopes } }",
)


@dataclass
class Seen:
    requests: int = 0
    slowest_s: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)


@contextmanager
def reading(url: str, token: str, athlete_id: str) -> Iterator[Seen]:
    """Read from before the block to after it."""
    seen, ended = Seen(), threading.Event()

    async def read() -> None:
        readers = [
            _read(urlsplit(url).netloc, token, athlete_id, number, seen, ended)
            for number in range(READERS)
        ]
        await asyncio.gather(*readers)

    thread = threading.Thread(target=lambda: asyncio.run(read()))
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


async def _read(
    address: str, token: str, athlete_id: str, number: int, seen: Seen, ended: threading.Event
) -> None:
    connection = Connection(address)
    headers = {"authorization": f"Bearer {token}"}
    while not ended.is_set():
        query = _READS[number % len(_READS)]
        variables = {"id": athlete_id} if "$id" in query else {}
        began = perf_counter()
        try:
            told = _told(await connection.send(post(query, headers, variables=variables)))
        except (OSError, EOFError) as error:
            told = type(error).__name__
        seen.requests += 1
        seen.slowest_s = max(seen.slowest_s, perf_counter() - began)
        if told:
            seen.failures[told] += 1
        await asyncio.sleep(PAUSE_S)
        number += 1
    await connection.end()


def _told(answer: Answer) -> str:
    """What is wrong with an answer; empty for one that is well."""
    if (
        answer.status == 200
        and not answer.code
        and None not in json.loads(answer.body)["data"].values()
    ):
        return ""
    return f"{answer.status} {answer.code or answer.body[:200].decode()}"
