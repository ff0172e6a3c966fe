"""Long computations beside the event loop, which everybody else's requests wait for at each of their steps."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Apart:
    """Runs one at a time in a thread, resting as long while others wait: threads take their time from the loop."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._asked = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` there; what it raises is raised."""
        self._asked += 1
        try:
            async with self._one:
                began = monotonic()
                try:
                    return await asyncio.to_thread(function, *args, **kwargs)
                finally:
                    if self._asked > 1:
                        await asyncio.sleep(monotonic() - began)
        finally:
            self._asked -= 1
