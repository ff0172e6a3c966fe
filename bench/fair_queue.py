"""Time a light caller beside heavy ones, with the fair queue's rule for crowds and without it.

Run it with `python -m bench.fair_queue`. Operations only wait, for one of a pool's connections and
then in it, so the machine's other work hardly counts. docs/decisions/0005-fair-queue.md quotes it.
"""

import asyncio
import sys
from statistics import quantiles
from time import monotonic

from bench.serving import print_table
from settings import load_settings
from web.limits.fair_queue import FairQueue, Wait

HEAVY_CALLERS = 10
HEAVY_S, LIGHT_S, PAUSE_S = 0.02, 0.002, 0.1
SECONDS = 10.0


class _WithoutCrowdRule(FairQueue):
    """The same queue, which only limits each caller."""

    def _may_take(self, load: object) -> bool:
        return load.taken < self._at_once  # type: ignore[attr-defined]


async def _measure(queue: FairQueue, at_once: int, pool_size: int) -> tuple[list[float], int]:
    """Get the light caller's seconds for each operation, and the heavy callers' operations."""
    pool, done = asyncio.Semaphore(pool_size), 0

    async def operate(caller: str, seconds: float) -> None:
        await queue.acquire(caller, Wait(), is_limited=True)
        try:
            async with pool:
                await asyncio.sleep(seconds)
        finally:
            queue.release(caller)

    async def be_heavy(caller: str) -> None:
        nonlocal done
        while True:
            await operate(caller, HEAVY_S)
            done += 1

    heavy = [
        asyncio.create_task(be_heavy(f"heavy {number}"))
        for number in range(HEAVY_CALLERS)
        for _ in range(at_once)
    ]
    await asyncio.sleep(1)  # the queue has seen the heavy caller
    took, done, until = [], 0, monotonic() + SECONDS
    while monotonic() < until:
        began = monotonic()
        await operate("light", LIGHT_S)
        took.append(monotonic() - began)
        await asyncio.sleep(PAUSE_S)
    for task in heavy:
        task.cancel()
    await asyncio.gather(*heavy, return_exceptions=True)
    return took, done


def main() -> int:
    settings = load_settings()
    at_once, pool_size = settings.operations_at_once, settings.database_pool_size
    rows = []
    for name, make in (("with the rule", FairQueue), ("without", _WithoutCrowdRule)):
        queue = make(at_once, waiting=at_once, wait_s=60)
        took, done = asyncio.run(_measure(queue, at_once, pool_size))
        cuts = quantiles(took, n=100)
        rows.append(
            (name, f"{cuts[49] * 1000:.0f}", f"{cuts[98] * 1000:.0f}", f"{done / SECONDS:.0f}")
        )
    print_table(["Crowd", "light p50 ms", "light p99 ms", "heavy operations/s"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
