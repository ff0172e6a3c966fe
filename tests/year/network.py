"""The way of webhooks: some are lost, some come more than once, some come after later ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

_LOST, _REPEATED, _LATE = 0.15, 0.15, 0.1
"""Parts of all events."""


@dataclass
class Network:
    random: Random
    lost: int = 0
    delivered: int = 0

    def deliveries(self) -> Iterator[float]:
        """Yield after how many seconds an event arrives; each time, if more than once."""
        random = self.random
        if random.random() < _LOST:
            self.lost += 1
            return
        copies = random.randint(2, 4) if random.random() < _REPEATED else 1
        for _ in range(copies):
            self.delivered += 1
            is_late = random.random() < _LATE
            yield random.uniform(600, 2 * 86_400) if is_late else random.uniform(0.2, 60)
