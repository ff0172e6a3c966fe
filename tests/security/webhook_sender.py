"""Strava as it tells of many changes: events at an even rate, whatever the answers take.

`python -m tests.security.webhook_sender` reads what it is to do from standard input, and writes how
it was answered. A time runs from when the event was due, so an answer that is late for another
event's sake counts.
"""

import asyncio
import json
import sys
from collections import Counter
from time import perf_counter
from typing import Any

from tests.security.http_connection import Connection, request

_CONNECTIONS = 100
_ASPECTS = ("create", "update", "delete")


def _event(task: dict[str, Any], number: int) -> bytes:
    """An object that no other event of the task is of."""
    owners = task["owners"]
    event = {
        "object_type": "activity",
        "object_id": task["first_object"] + number,
        "aspect_type": _ASPECTS[number % len(_ASPECTS)],
        "owner_id": owners[number % len(owners)],
        "updates": {},
        "event_time": 1_700_000_000,
        "subscription_id": 1,
    }
    return request("POST", task["path"], body=json.dumps(event).encode())


async def _run(task: dict[str, Any]) -> dict[str, Any]:
    free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(Connection(task["address"]))
    took_s: list[float] = []
    answers: Counter[str] = Counter()

    async def send(number: int, due: float) -> None:
        connection = await free.get()
        try:
            answers[str((await connection.send(_event(task, number))).status)] += 1
        except (OSError, EOFError) as error:
            answers[type(error).__name__] += 1
        took_s.append(perf_counter() - due)
        free.put_nowait(connection)

    began = perf_counter()
    async with asyncio.TaskGroup() as sending:
        for number in range(task["events"]):
            due = began + number * task["seconds"] / task["events"]
            await asyncio.sleep(due - perf_counter())
            sending.create_task(send(number, due))
    ended = perf_counter()
    while not free.empty():
        free.get_nowait().close()
    took_s.sort()
    return {
        "answers": answers,
        "seconds": ended - began,
        "p50_ms": 1000 * took_s[len(took_s) // 2],
        "p99_ms": 1000 * took_s[int(len(took_s) * 0.99)],
        "most_ms": 1000 * took_s[-1],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(json.load(sys.stdin)))))
