"""Work whose caller leaves."""

import asyncio

import pytest

from runtime.grace_period import MAY_LEAVE, end_with_grace, with_grace

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def left(seconds: float, *, may_leave: bool) -> list[str]:
    """Leave work that takes so long; returns what became of it when the caller had ended."""
    told: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(seconds)
            told.append("done")
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def call() -> None:
        MAY_LEAVE.set(may_leave)
        await with_grace(work())

    caller = asyncio.create_task(call())
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
    return told


async def test_work_of_a_client_that_may_leave_has_a_moment():
    assert await left(0.03, may_leave=True) == ["done"]
    assert await left(9, may_leave=True) == ["cancelled"]
    assert await left(0.03, may_leave=False) == ["cancelled"]


async def test_results_and_errors_come_through():
    MAY_LEAVE.set(True)
    assert await with_grace(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ZeroDivisionError):
        await with_grace(asyncio.to_thread(lambda: 1 / 0))


async def test_an_end_that_is_cancelled_cancels_at_once():
    task = asyncio.create_task(asyncio.sleep(9))
    ending = asyncio.create_task(end_with_grace(task))
    await asyncio.sleep(0.01)
    ending.cancel()
    await asyncio.wait([task], timeout=0.05)
    assert task.cancelled()
