"""The pace of refusals: at once while the loop is idle, and at a rate while it is busy."""

import asyncio
from time import monotonic, sleep, thread_time

import pytest

from web.limits.refusal_pacing import RefusalPacing

pytestmark = pytest.mark.anyio


async def _waited_s(count: int, round_s: float) -> tuple[float, RefusalPacing]:
    """How long so many refusals took, asked for at once while each round of the loop takes
    `round_s`.
    """
    pace, began = RefusalPacing(), monotonic()

    async def keep_busy() -> None:
        while True:
            sleep(round_s)  # noqa: ASYNC251 - that the loop is busy is what is to be seen
            await asyncio.sleep(0)

    busy = asyncio.create_task(keep_busy())
    await asyncio.gather(*(pace.wait() for _ in range(count)))
    busy.cancel()
    return monotonic() - began, pace


async def test_an_idle_loop_delays_nothing(monkeypatch):
    # Other processes may keep the loop from running, so its own time alone counts.
    monkeypatch.setattr("web.limits.refusal_pacing.monotonic", thread_time)
    began_s = thread_time()
    _, pace = await _waited_s(60, 0)
    assert thread_time() - began_s < 0.5
    assert pace.delayed == 0


async def test_a_busy_loop_answers_so_many_a_second():
    waited_s, pace = await _waited_s(75, 0.005)
    assert waited_s > 0.4  # 25 at once, then 100 a second
    assert pace.delayed >= 45


async def test_nobody_waits_for_longer_than_a_second():
    waited_s, pace = await _waited_s(1000, 0.005)
    assert waited_s < 7, "a hundred a second would take ten"
    assert pace.delayed >= 900


async def test_a_mistake_now_and_then_is_told_at_once():
    waited_s, pace = await _waited_s(20, 0.005)
    assert waited_s < 5
    assert pace.delayed == 0
