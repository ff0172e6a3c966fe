"""Work that shares the event loop."""

import asyncio
from time import thread_time

import pytest

from runtime.loop_turns import LoopTurns

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def busy(seconds: float) -> None:
    ends = thread_time() + seconds
    while thread_time() < ends:
        pass


async def longest_s(work) -> float:
    """The CPU time of the longest iteration of the loop during work."""
    task, longest = asyncio.ensure_future(work), 0.0
    while not task.done():
        began_s = thread_time()
        await asyncio.sleep(0)
        longest = max(longest, thread_time() - began_s)
    await task
    return longest


async def test_tasks_of_one_operation_share_its_turns():
    turns = LoopTurns()

    async def piece() -> None:
        await turns.take()
        busy(0.001)

    async def many() -> None:
        await asyncio.gather(*(piece() for _ in range(100)))

    assert await longest_s(many()) < 0.05


async def test_one_task_goes_on_in_turns():
    turns = LoopTurns()

    async def one() -> None:
        for _ in range(100):
            await turns.take()
            busy(0.001)

    assert await longest_s(one()) < 0.05


async def test_a_turn_that_is_not_over_waits_for_nothing():
    turns = LoopTurns()
    work = turns.take()
    with pytest.raises(StopIteration):
        work.send(None)


async def test_what_is_called_at_rest_is_called_once_all_had_their_turn():
    turns, done, seen = LoopTurns(), [], []

    async def piece(number: int) -> None:
        await turns.take()
        busy(0.001)
        for _ in range(4):  # what it passes on its way
            await asyncio.sleep(0)
        done.append(number)
        if len(done) in {1, 100}:
            turns.at_rest(lambda: seen.append(len(done)))
        else:
            turns.stir()

    await asyncio.gather(*map(piece, range(100)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert seen == [100, 100]
