"""Looks for subscriptions are shared, repeated, and hold up nobody else."""

import asyncio
from collections import Counter

import pytest

from db.errors import DatabaseUnavailable
from graph.schema.patient_reader import SharedLooks

pytestmark = pytest.mark.anyio


class Looks:
    """Looks of which those for "away" fail."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.shared = SharedLooks(self._read)

    async def _read(self, key: str) -> str:
        self.tried[key] += 1
        await asyncio.sleep(0.01)
        if key == "away":
            raise DatabaseUnavailable
        return key


async def test_one_that_fails_lets_others_pass_and_ends_with_who_waits_for_it():
    looks = Looks()
    waiting = [asyncio.create_task(looks.shared.look("away")) for _ in range(2)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        assert await looks.shared.look("here") == "here"
    waiting[0].cancel()
    await asyncio.sleep(0.4)
    assert looks.tried["away"] == 2  # one waits still, and both share each try
    waiting[1].cancel()
    await asyncio.sleep(0.7)
    assert looks.tried["away"] == 2
    await looks.shared.close()


async def test_equal_ones_at_the_same_time_are_one():
    looks = Looks()
    found = await asyncio.gather(*(looks.shared.look("here") for _ in range(5)))
    assert (found, looks.tried["here"]) == (["here"] * 5, 1)
    assert await looks.shared.look("here") == "here"
    assert looks.tried["here"] == 2
