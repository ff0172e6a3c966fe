"""Shares the few sign-ins that may call Strava at once fairly between addresses.

Each call holds a thread until Strava answers, also for an invented code, and anybody can begin a
sign-in. So an address has few slots, addresses take turns, and a sign-in that must wait is not
refused at once. Failures cost: an address has a budget of them, and their answers are held back,
so that a client that waits for each answer gets no more of them than the budget regains.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from math import ceil
from time import monotonic
from typing import TypeVar

from runtime.bounded_map import LruMap
from settings import Settings
from web.auth.sign_in_errors import SignInRefusal, TooManyFailedSignIns, TooManySignIns
from web.limits.bucket_registry import Buckets
from web.limits.token_bucket import Bucket, BucketSize

_WAITING_PER_SLOT = 8
"""Sign-ins of an address that may wait for each of its slots; likewise of all addresses."""
_UNDELAYED_FAILURES = 10
_LONGEST_DELAY_S = 5.0
_MOST_ADDRESSES = 10_000
T = TypeVar("T")
R = TypeVar("R")


class SignInSlots:
    """The slots of one process. Of an address, `per_address` sign-ins run at once."""

    def __init__(self, at_once: int, per_address: int, wait_s: float) -> None:
        self._free, self._per_address, self._wait_s = at_once, per_address, wait_s
        self._most_waiting = at_once * _WAITING_PER_SLOT
        self._most_of_address = per_address * _WAITING_PER_SLOT
        self._running = Counter[str]()
        # In the order of their turns.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def running(self) -> int:
        """How many sign-ins have a slot now."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """How many sign-ins wait now."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def slot(self, address: str) -> AsyncIterator[None]:
        """Hold a slot. Raises TooManySignIns where none is free in time."""
        await self._acquire(address)
        try:
            yield
        finally:
            self._release(address)

    async def _acquire(self, address: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._join(address, turn)
        self._give_turns()
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._release(address)  # the turn came in the same moment
            else:
                self._leave(address, turn)
            if isinstance(error, TimeoutError):
                raise TooManySignIns from None
            raise

    def _join(self, address: str, turn: asyncio.Future[None]) -> None:
        """Add a sign-in to its address's queue. Where all is full, the longest queue gives way."""
        own = len(self._queues.get(address, ()))
        if own >= self._most_of_address:
            raise TooManySignIns
        if self.waiting >= self._most_waiting:
            longest = max(self._queues, key=lambda each: len(self._queues[each]))
            if len(self._queues[longest]) <= own + 1:
                raise TooManySignIns
            last = self._queues[longest].pop()
            if not last.done():
                last.set_exception(TooManySignIns())
        self._queues.setdefault(address, deque()).append(turn)

    def _leave(self, address: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(address)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[address]

    def _give_turns(self) -> None:
        """Give free slots to the waiting: each address in turn, its oldest sign-in first."""
        while self._free:
            address = next(
                (each for each in self._queues if self._running[each] < self._per_address), None
            )
            if address is None:
                return
            queue = self._queues[address]
            turn = queue.popleft()
            self._queues.move_to_end(address)
            if not queue:
                del self._queues[address]
            if not turn.done():
                self._free -= 1
                self._running[address] += 1
                turn.set_result(None)

    def _release(self, address: str) -> None:
        self._free += 1
        self._running[address] -= 1
        if not self._running[address]:
            del self._running[address]
        self._give_turns()


class SignInFailures:
    """The budget of failed sign-ins of each address, shared by all processes."""

    def __init__(self, size: BucketSize, buckets: Buckets) -> None:
        self._size, self._buckets = size, buckets
        self._next_at = LruMap[str, float](_MOST_ADDRESSES)

    async def take(self, address: str) -> Bucket:
        """Take one failure ahead, to be given back on success. Raises TooManyFailedSignIns."""
        bucket = self._buckets.find("failed-sign-ins", address, self._size)
        if not await self._buckets.take(bucket, 1):
            raise TooManyFailedSignIns(max(1, ceil(bucket.wait_s(1, monotonic()))))
        return bucket

    def give_back(self, bucket: Bucket) -> None:
        """Return what was taken for a sign-in that succeeded."""
        self._buckets.current(bucket).give_back(1, monotonic())

    def delay_s(self, address: str) -> float:
        """Count a failure; returns for how many seconds its answer is held back."""
        every_s, now = 1 / self._size.refill_per_s, monotonic()
        since = now - _UNDELAYED_FAILURES * every_s
        next_at = max(self._next_at.find(address) or since, since) + every_s
        next_at = min(next_at, now + _LONGEST_DELAY_S)
        self._next_at.keep(address, next_at)
        return max(0.0, next_at - now)


class SignIns:
    """What the sign-ins of one process share: slots, threads and counts."""

    def __init__(self, settings: Settings, buckets: Buckets) -> None:
        self.slots = SignInSlots(
            settings.sign_ins_at_once, settings.sign_ins_per_address, settings.sign_in_wait_s
        )
        self.failures = SignInFailures(
            BucketSize(settings.sign_in_bucket_ip, settings.sign_in_refill_ip_per_s), buckets
        )
        self._threads = ThreadPoolExecutor(settings.sign_ins_at_once, "sign-in")
        self.outcomes = Counter[str]()
        """How many sign-ins ended how, since the process started."""

    @asynccontextmanager
    async def attempt(self, address: str, *, is_limited: bool) -> AsyncIterator[None]:
        """Hold a slot. Raises TooManyFailedSignIns, TooManySignIns.

        If the block raises a SignInRefusal that is a failure, that counts for the address.
        """
        bucket = await self.failures.take(address) if is_limited else None
        is_failure = False
        try:
            async with self.slots.slot(address):
                yield
        except SignInRefusal as refusal:
            is_failure = refusal.is_failure
            raise
        finally:
            if bucket is not None and not is_failure:
                self.failures.give_back(bucket)

    async def run(self, call: Callable[[T], R], argument: T) -> R:
        """Run a call to Strava in a thread of its own kind, with the caller's log fields."""
        loop, context = asyncio.get_running_loop(), copy_context()
        return await loop.run_in_executor(self._threads, context.run, call, argument)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
