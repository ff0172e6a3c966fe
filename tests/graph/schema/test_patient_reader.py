"""Reads for subscriptions are shared, repeated, and hold up nobody else."""

import asyncio
from collections import Counter

import pytest

from db.errors import DatabaseUnavailable
from graph.schema.patient_reader import SharedReads

pytestmark = pytest.mark.anyio


class Reads:
    """Reads of which those for "away" fail."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.begun = asyncio.Event()
        self.shared = SharedReads(self._read)

    async def _read(self, key: str) -> str:
        self.tried[key] += 1
        self.begun.set()
        await asyncio.sleep(0.01)
        if key == "away":
            raise DatabaseUnavailable
        return key


async def test_one_that_fails_lets_others_pass_and_ends_with_who_waits_for_it():
    reads = Reads()
    waiting = [asyncio.create_task(reads.shared.find("away")) for _ in range(2)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        assert await reads.shared.find("here") == "here"
    waiting[0].cancel()
    await asyncio.sleep(0.4)
    assert reads.tried["away"] == 2  # one waits still, and both share each try
    waiting[1].cancel()
    await asyncio.sleep(0.7)
    assert reads.tried["away"] == 2
    await reads.shared.close()


async def test_equal_ones_at_the_same_time_are_one():
    reads = Reads()
    found = await asyncio.gather(*(reads.shared.find("here") for _ in range(5)))
    assert (found, reads.tried["here"]) == (["here"] * 5, 1)
    assert await reads.shared.find("here") == "here"
    assert reads.tried["here"] == 2


async def test_one_under_way_is_not_shared_for_it_may_be_older_than_the_news():
    reads = Reads()
    first = asyncio.create_task(reads.shared.find("here"))
    await reads.begun.wait()
    await asyncio.gather(*(reads.shared.find("here") for _ in range(5)))
    assert (await first, reads.tried["here"]) == ("here", 2)


async def test_one_that_is_to_be_repeated_is_shared_again():
    reads = Reads()
    waiting = [asyncio.create_task(reads.shared.find("away"))]
    await asyncio.sleep(0.05)  # the first try has failed
    waiting += [asyncio.create_task(reads.shared.find("away")) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert reads.tried["away"] == 1
    for each in waiting:
        each.cancel()
    await reads.shared.close()
