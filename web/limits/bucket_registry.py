"""The buckets of all callers, settled with Redis in batches, one batch at a time."""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from time import monotonic

from web.limits.redis_store import BucketRequest, BucketResult, BucketStore
from web.limits.token_bucket import Bucket, BucketSize

_MOST_KNOWN = 10_000
_MOST_AT_ONCE = 200
_SWEEP_EVERY_S = 1.0

_Name = tuple[str, int | str]


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    """Takes `amount` from `bucket`. Nothing waits for the result if the bucket is only settled.

    `renews` its lease.
    """

    bucket: Bucket
    amount: int = 0
    answer: "asyncio.Future[bool] | None" = None
    renews: bool = False


class Buckets:
    """Finds callers' buckets, and takes from them.

    A caller is an account's id or an address. Addresses are personal data: only their digest, keyed
    by `secret`, leaves the process.
    """

    def __init__(self, store: BucketStore, secret: bytes) -> None:
        self._store, self._secret = store, secret
        self._known: dict[_Name, Bucket] = {}
        self._asks: list[_Ask] = []
        self._settling: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self.spent_alone = 0
        """How many times Redis was away and this process's own bucket decided, since the process
        started.
        """

    def find(self, kind: str, caller: int | str, size: BucketSize) -> Bucket:
        """Get a caller's bucket of a kind."""
        return self._known.get((kind, caller)) or self._new((kind, caller), size)

    def _new(self, name: _Name, size: BucketSize) -> Bucket:
        kind, caller = name
        key = f"pacegraph:{kind}:{self.public_name(caller)}"
        bucket = Bucket(name, key, size, monotonic(), self._renew)
        if len(self._known) >= _MOST_KNOWN:
            self._forget_one()
        return self.current(bucket)

    def current(self, bucket: Bucket) -> Bucket:
        """Get the bucket in use now: `bucket`, unless that was dropped since."""
        found = self._known.setdefault(bucket.name, bucket)
        if self._sweep is None:
            self._sweep_later()
        return found

    def public_name(self, caller: int | str) -> str:
        """Name an account by its id, an address by its digest."""
        if isinstance(caller, int):
            return f"account:{caller}"
        return f"address:{blake2b(caller.encode(), digest_size=12, key=self._secret).hexdigest()}"

    async def take(self, bucket: Bucket, amount: int) -> bool:
        """Take `amount` from a bucket if it holds that much."""
        now = monotonic()
        if bucket.spend(amount, now):
            return True
        if self._store.is_away:
            self.spent_alone += 1
            return bucket.spend_alone(amount, now)
        if bucket.is_refused(amount, now):
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._ask(_Ask(bucket, amount, answer))
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.result():
                bucket.give_back(amount, monotonic())  # it came in the same moment
            raise

    def _renew(self, bucket: Bucket) -> None:
        """Renew a lease that ends soon, unless Redis is being asked for one."""
        if not bucket.asks and not self._store.is_away:
            self._ask(_Ask(bucket, renews=True))

    async def close(self) -> None:
        """Settle all that is open, and disconnect from Redis."""
        if self._sweep is not None:
            self._sweep.cancel()
        await self._settled()  # what is under way may bring leases
        if not self._store.is_away:
            for bucket in self._known.values():
                if bucket.is_unsettled:
                    self._ask(_Ask(bucket))
        await self._settled()
        await self._store.close()

    async def _settled(self) -> None:
        if self._settling is not None:
            await self._settling

    def _ask(self, ask: _Ask) -> None:
        ask.bucket.asks += 1
        self._asks.append(ask)
        if self._settling is None:
            # Of no request: what is logged there is not one caller's affair.
            self._settling = asyncio.get_running_loop().create_task(
                self._settle_all(), context=Context()
            )

    async def _settle_all(self) -> None:
        try:
            while self._asks:
                asks, self._asks = self._asks[:_MOST_AT_ONCE], self._asks[_MOST_AT_ONCE:]
                # A lease that came by then covers most. To settle it again would take it from
                # those that ask next, so that they had to ask too, and so on for ever.
                now = monotonic()
                if asks := [each for each in asks if not _is_covered(each, now)]:
                    await self._settle(asks)
        finally:
            self._settling = None

    async def _settle(self, asks: Sequence[_Ask]) -> None:
        now = monotonic()
        entries = _entries(asks, now)
        settled = None if self._store.is_away else await self._store.settle(entries)
        for number, (ask, entry) in enumerate(zip(asks, entries, strict=True)):
            ask.bucket.asks -= 1
            if settled is None:
                self._answer_alone(ask, entry)
            else:
                _answer(ask, settled[number], now)

    def _answer_alone(self, ask: _Ask, entry: BucketRequest) -> None:
        now = monotonic()
        ask.bucket.lose_redis(entry.back, now)
        if ask.answer is not None and not ask.answer.done():
            self.spent_alone += 1
            ask.answer.set_result(ask.bucket.spend_alone(ask.amount, now))

    def _sweep_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(
            _SWEEP_EVERY_S, self.sweep, context=Context()
        )

    def sweep(self) -> None:
        """Settle idle buckets, and drop those that are as good as new."""
        now, self._sweep = monotonic(), None
        for name, bucket in list(self._known.items()):
            if bucket.is_idle(now):
                del self._known[name]
            elif bucket.is_unsettled and not bucket.has_lease(now) and not self._store.is_away:
                self._ask(_Ask(bucket))
        if self._known:
            self._sweep_later()

    def _forget_one(self) -> None:
        """Drop an old bucket to make room, but none with a request to Redis in progress."""
        oldest = list(islice(self._known.values(), _MOST_AT_ONCE))
        bucket = next((each for each in oldest if not each.asks), oldest[0])
        del self._known[bucket.name]
        if bucket.is_unsettled and not self._store.is_away:
            self._ask(_Ask(bucket))


def _is_covered(ask: _Ask, now: float) -> bool:
    """Answer an ask from the bucket's lease, if that covers it."""
    if ask.answer is None or not ask.bucket.spend(ask.amount, now):
        return False
    ask.bucket.asks -= 1
    if ask.answer.done():  # the request is gone
        ask.bucket.give_back(ask.amount, now)
    else:
        ask.answer.set_result(True)
    return True


def _entries(asks: Sequence[_Ask], now: float) -> list[BucketRequest]:
    """Make the requests to Redis.

    The first for a bucket also carries its open amount and asks for a lease.
    """
    seen: set[Bucket] = set()
    entries = []
    for ask in asks:
        bucket, size = ask.bucket, ask.bucket.size
        level, back, ahead = float(size.capacity), 0.0, 0
        if bucket not in seen:
            seen.add(bucket)
            if ask.renews:
                level, back, ahead = bucket.begin_renewing(now)
            else:
                level, back = bucket.begin_settling(now)
                ahead = 0 if ask.answer is None else size.lease
        entries.append(
            BucketRequest(
                bucket.key,
                size.capacity,
                size.refill_per_s,
                level,
                back,
                ask.amount,
                ahead,
                size.debt,
            )
        )
    return entries


def _answer(ask: _Ask, settled: BucketResult, asked_at: float) -> None:
    bucket, now = ask.bucket, monotonic()
    bucket.settled(
        settled.level,
        settled.leased,
        asked_at,
        now,
        is_renewed=ask.renews and bucket.has_lease(now),
    )
    if ask.answer is None:
        return
    is_taken = settled.is_taken or bucket.spend(ask.amount, now)
    if ask.answer.done():  # the request is gone
        if is_taken:
            bucket.give_back(ask.amount, now)
        return
    if not is_taken:
        bucket.refused(ask.amount, now)
    ask.answer.set_result(is_taken)
