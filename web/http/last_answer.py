"""The last answer on a connection: it says so, and clients send their next request on another one.

A server that closes a connection without saying so may do it just as a request comes, which then
fails.
"""

from typing import Any

DRAINING = "pacegraph.draining"
"""Name of what the lifespan's state has while every answer is to be the last on its connection."""
_CLOSE = (b"connection", b"close")


def make_last(cycle: Any) -> None:
    """Let uvicorn's `cycle`, with a response that has not begun, say that its connection ends."""
    cycle.keep_alive = False
    cycle.default_headers = [*cycle.default_headers, _CLOSE]
