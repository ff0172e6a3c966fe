"""What the C allocator keeps is given back, where it is much."""

import asyncio

import psutil
import pytest

from runtime import allocator
from runtime.allocator import Allocator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(Allocator().kept_bytes == 0, reason="the C library is not glibc"),
]

PARTS, PART_BYTES = 2000, 16 * 1024
MB = 2**20


def leave_gaps() -> list[bytearray]:
    """Free most of what was allocated: what stays lies between, so glibc keeps all."""
    made = [bytearray(PART_BYTES) for _ in range(PARTS)]
    kept = made[::100]
    del made
    return kept


async def test_gaps_are_given_back():
    made = Allocator()
    kept = leave_gaps()
    before = psutil.Process().memory_info().rss
    task = asyncio.create_task(made.give_back_every(0.05))
    await asyncio.sleep(0.5)
    task.cancel()
    assert made.given_back >= 1
    assert before - psutil.Process().memory_info().rss > 20 * MB
    assert len(kept) == PARTS // 100


async def test_little_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "_LEAST_BYTES", 2**50)
    made = Allocator()
    task = asyncio.create_task(made.give_back_every(0.01))
    await asyncio.sleep(0.1)
    task.cancel()
    assert made.given_back == 0


async def test_never_means_never():
    await asyncio.wait_for(Allocator().give_back_every(0), 1)
