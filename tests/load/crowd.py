"""A crowd: so many requests at once, each on a connection of its own that is open before any of
them is sent.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from tests.security.http_connection import Answer, Connection


@dataclass(frozen=True)
class Outcome:
    """Answers in the order of the requests, and how long each took, in seconds."""

    answers: list[Answer]
    took_s: list[float]

    @property
    def told(self) -> Counter[str]:
        """How many were told what: status and, of errors, the code."""
        return Counter(f"{answer.status} {answer.code}".strip() for answer in self.answers)

    def __str__(self) -> str:
        ordered = sorted(1000 * each for each in self.took_s)
        p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        told = ", ".join(f"{count} of {answer}" for answer, count in self.told.most_common())
        return f"{told}; p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {ordered[-1]:.0f} ms"


async def ask_at_once(address: str, requests: Sequence[bytes]) -> Outcome:
    """Send all of them in the same moment."""
    connections = [Connection(address) for _ in requests]
    await asyncio.gather(*(each.open() for each in connections))

    async def ask(connection: Connection, request: bytes) -> tuple[Answer, float]:
        began = perf_counter()
        answer = await connection.send(request)
        return answer, perf_counter() - began

    pairs = zip(connections, requests, strict=True)
    found = await asyncio.gather(*(ask(connection, request) for connection, request in pairs))
    await asyncio.gather(*(each.end() for each in connections))
    return Outcome([answer for answer, _ in found], [seconds for _, seconds in found])
