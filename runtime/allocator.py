"""What memory the C allocator keeps, and when it gives it back to the system. Linux with glibc only.

glibc keeps what was freed between blocks in use, however much it is, until it is told to. Python's
own small objects come from there only while there is a crowd (`runtime/small_objects.py`).
"""

import asyncio
import ctypes
import gc
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import monotonic

from runtime.small_objects import SmallObjects

CROWD = 100
"""Open streams from which on small objects lie where they can be given back."""
_LEAST_BYTES = 2 * 2**20
"""Less is not worth the milliseconds."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of parameters in <malloc.h>."""
_KEPT_BYTES = 16 * 2**20
_OWN_MAPPING_BYTES = 4 * 2**20
_GROWS_S = 60.0
"""Seconds without a new largest number of streams after which a crowd has come."""
_ON_S, _PERIOD_S = 180.0, 1800.0
"""The most seconds of each half hour in which small objects lie elsewhere: a crowd that comes and
goes all day would make all requests slower.
"""
_COLLECTING_PART = 1 / 200
"""The most of the time that full collections take."""
_NEARLY_ALL = 0.9
"""Part of a crowd: if fewer are left, it leaves."""
_HALF = 2

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
        self.small_objects = SmallObjects()
        self._largest_crowd = 0
        """The most open streams since they halved, or since the start."""
        self._grows_until = 0.0
        self._asked_at = self._period_ends = 0.0
        self._on_s_left = _ON_S
        self._has_thinned = False

    @property
    def kept_bytes(self) -> int:
        """Bytes that are free and kept; 0 where that is not known."""
        return 0 if self._library is None else int(self._library.mallinfo2().fordblks)

    @property
    def used_bytes(self) -> int:
        """Bytes that are in use; 0 where that is not known."""
        if self._library is None:
            return 0
        told = self._library.mallinfo2()
        return int(told.uordblks + told.hblkhd)

    def serve_crowd(self, streams: int) -> None:
        """Expect so many open streams, each with some hundred small objects.

        While a crowd grows, new small objects lie where they can be given back. When it has come,
        those of others are no longer to take longer.
        """
        if self._library is None:
            return
        now = monotonic()
        self._count_time(now)
        if streams > self._largest_crowd:
            self._largest_crowd, self._grows_until = streams, now + _GROWS_S
        elif self._largest_crowd >= CROWD and streams <= self._largest_crowd // _HALF:
            self._largest_crowd, self._has_thinned = streams, True
        is_wanted = (
            self._largest_crowd >= CROWD
            and now < self._grows_until
            and self._on_s_left > 0
            and streams >= _NEARLY_ALL * self._largest_crowd
        )
        self.small_objects.give_back(is_wanted=is_wanted)

    def _count_time(self, now: float) -> None:
        if now >= self._period_ends:
            self._period_ends, self._on_s_left = now + _PERIOD_S, _ON_S
        elif self.small_objects.is_given_back:
            self._on_s_left -= now - self._asked_at
        self._asked_at = now

    async def give_back_every(self, seconds: float) -> None:
        """Give back what is kept, at most so often, until cancelled. 0 s: never."""
        is_owed, collects_at = False, 0.0
        while seconds and self._library is not None:
            await asyncio.sleep(seconds)
            if self._has_thinned:  # others may still leave
                self._has_thinned, is_owed = False, True
            elif is_owed and (began := monotonic()) >= collects_at:
                # Python keeps thousands of freed tuples and such, one in nearly each of a crowd's
                # pages, until a full collection.
                is_owed = False
                gc.collect()
                collects_at = began + (monotonic() - began) / _COLLECTING_PART
            before = self.kept_bytes
            if before >= _LEAST_BYTES:
                await asyncio.to_thread(self._library.malloc_trim, 0)
                self.given_back += 1
                logger.debug("memory was given back", extra={"kept_bytes": before})


def keep_what_was_freed() -> None:
    """Keep up to 16 MB of what this process frees, and blocks of up to 4 MB in the heap.

    By default what is free at the end of the heap goes back from a few hundred kilobytes on. Where
    a process works on one recording after the other, the kernel would then give and clear the same
    pages for each of them.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)


def give_back() -> None:
    """Give what is free back to the system, wherever it lies. It takes half a millisecond."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        tell: Callable[[], _Statistics] = library.mallinfo2
        tell.restype = _Statistics  # type: ignore[attr-defined]
        library.malloc_trim.argtypes = [ctypes.c_size_t]
        return library
    return None
