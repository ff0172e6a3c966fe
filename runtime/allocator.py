"""Gives memory that the C allocator keeps back to the system. Linux with glibc only.

glibc keeps what was freed between blocks in use, however much it is, until it is told to. Python's
own small objects do not come from there.
"""

import asyncio
import ctypes
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache

_LEAST_BYTES = 8 * 2**20
"""Less is not worth the milliseconds."""

logger = logging.getLogger(__name__)


class _Statistics(ctypes.Structure):
    """What `mallinfo2` tells, in bytes; `fordblks` is free and kept."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd",
            "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


class Allocator:
    """The C allocator of this process."""

    def __init__(self) -> None:
        self._library = _glibc()
        self.given_back = 0
        """How often memory was given back, since the process started."""

    @property
    def kept_bytes(self) -> int:
        """Bytes that are free and kept; 0 where that is not known."""
        return 0 if self._library is None else int(self._library.mallinfo2().fordblks)

    async def give_back_every(self, seconds: float) -> None:
        """Give back what is kept, at most so often, until cancelled. 0 s: never."""
        while seconds and self._library is not None:
            await asyncio.sleep(seconds)
            before = self.kept_bytes
            if before >= _LEAST_BYTES:
                await asyncio.to_thread(self._library.malloc_trim, 0)
                self.given_back += 1
                logger.debug("memory was given back", extra={"kept_bytes": before})


@cache
def _glibc() -> ctypes.CDLL | None:
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        tell: Callable[[], _Statistics] = library.mallinfo2
        tell.restype = _Statistics  # type: ignore[attr-defined]
        library.malloc_trim.argtypes = [ctypes.c_size_t]
        return library
    return None
