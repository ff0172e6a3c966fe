"""Long computations beside the loop: one at a time, and what they raise is raised."""

import asyncio
import threading
from time import sleep

import pytest

from runtime.worker_thread import WorkerThread

pytestmark = pytest.mark.anyio


async def test_what_is_computed_or_raised_comes_back():
    apart = WorkerThread()
    assert await apart.run("a caller", divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await apart.run("a caller", divmod, 1, 0)
    assert await apart.run("a caller", divmod, 7, 2) == (3, 1)


async def test_one_runs_at_a_time_and_not_on_the_loop():
    apart, running, most = WorkerThread(), [], []

    def compute() -> int:
        running.append(1)
        most.append(len(running))
        sleep(0.02)
        running.pop()
        return threading.get_ident()

    threads = await asyncio.gather(*(apart.run("a caller", compute) for _ in range(5)))
    assert max(most) == 1
    assert threading.get_ident() not in threads


async def test_who_gives_up_waiting_leaves_it_to_the_others():
    apart = WorkerThread()
    first = asyncio.create_task(apart.run("a caller", sleep, 0.05))
    second = asyncio.create_task(apart.run("a caller", sleep, 0.05))
    await asyncio.sleep(0.01)
    second.cancel()
    await first
    assert await apart.run("a caller", divmod, 7, 2) == (3, 1)
    assert apart.asked == 0
