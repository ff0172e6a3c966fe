"""JSON that stays in memory for longer than it takes to send it."""

from collections.abc import Callable
from typing import Any

import orjson


def kept_json(value: object, *, default: Callable[[Any], Any] | None = None) -> bytes:
    """Write JSON that takes no more memory than it is long.

    What `orjson.dumps` returns holds the room that it was written into, 4 KiB at least.
    """
    return bytes(memoryview(orjson.dumps(value, default=default)))
