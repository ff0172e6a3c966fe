"""Budgets of callers: token buckets in Redis, filled as time passes; in this process while Redis is away."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import ClassVar

from redis import RedisError
from redis.asyncio import Redis
from starlette.types import Scope

from graph.budget import BudgetExhausted, BudgetState
from settings import Settings

_PREFIX = "pacegraph:budget:"
_MAX_LOCAL = 10_000
_LOG_EVERY_S = 60
_LEASES = 50
_LEASE_S = 1.0

# KEYS: the bucket. ARGV: capacity, refill a second, cost. Returns what is left and whether the cost was taken. Time is
# Redis's own, so that processes whose clocks differ agree. A full bucket is the same as none, hence the expiry.
_TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local capacity, refill, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = math.min(capacity, (tonumber(bucket[1]) or capacity) + (now - (tonumber(bucket[2]) or now)) * refill)
local taken = level >= cost
if taken then level = level - cost end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil((capacity - level) / refill) + 1)
return {tostring(level), taken and 1 or 0}
"""

logger = logging.getLogger(__name__)


def address_of(scope: Scope) -> str:
    """Get the address a request comes from; empty where there is none."""
    client = scope.get("client")
    return client[0] if client else ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """How much a bucket holds, and how fast it fills."""

    capacity: int
    refill_per_s: float


@dataclass(slots=True)
class _Lease:
    """What was taken ahead: `left` of it, the bucket's `level` besides, and until when it may be spent."""

    left: int
    level: float
    until: float


class Budgets:
    """All callers' buckets: one for each account, and one for each address of those signed out."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._operation_limit = settings.cost_limit
        self._of_account = Bucket(settings.cost_bucket_user, settings.cost_refill_user_per_s)
        self._of_address = Bucket(settings.cost_bucket_ip, settings.cost_refill_ip_per_s)
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._local: dict[str, tuple[float, float]] = {}
        self._leases: dict[str, _Lease] = {}
        self._logged_at = 0.0
        self.fallbacks = 0
        """How often Redis was away and a bucket of this process was used, since the process started."""

    def of(self, account_id: int | None, address: str) -> "CallerBudget":
        """Get a caller's budget: the account's, or without one the address's."""
        if account_id is not None:
            return CallerBudget(self, self._limit_with(self._of_account), self._of_account, f"account:{account_id}")
        # Addresses are personal data: only a digest of them is kept.
        digest = blake2b(address.encode(), digest_size=12).hexdigest()
        return CallerBudget(self, self._limit_with(self._of_address), self._of_address, f"address:{digest}")

    def _limit_with(self, bucket: Bucket) -> int:
        """What one operation may cost: no more than the bucket ever holds."""
        return min(self._operation_limit, bucket.capacity)

    async def spend(self, key: str, bucket: Bucket, cost: int) -> tuple[float, bool]:
        """Take `cost`, out of what is leased where that covers it: then Redis is not asked.

        A lease is a fiftieth of the bucket, taken in one go and spent within a second; what is left of it then is
        settled with the next. Answers as `take`.
        """
        lease = self._leases.get(key)
        if lease is not None and lease.left >= cost and time.monotonic() < lease.until:
            lease.left -= cost
            return lease.level + lease.left, True
        self._leases.pop(key, None)
        left = lease.left if lease is not None else 0
        ahead = bucket.capacity // _LEASES
        level, taken = await self.take(key, bucket, cost + ahead - left)
        if not taken:
            ahead = 0
            level, taken = await self.take(key, bucket, cost - left)
        if not taken:
            level, _ = await self.take(key, bucket, -left)
        elif ahead:
            self._lease(key, ahead, level)
        return level + ahead, taken

    def _lease(self, key: str, ahead: int, level: float) -> None:
        if len(self._leases) >= _MAX_LOCAL:
            self._leases.clear()
        other = self._leases.get(key)  # of an operation that asked meanwhile
        self._leases[key] = _Lease(ahead + (other.left if other else 0), level, time.monotonic() + _LEASE_S)

    async def take(self, key: str, bucket: Bucket, cost: int) -> tuple[float, bool]:
        """Take `cost` out of a bucket if it holds as much; answers what is left, and whether it was taken."""
        try:
            arguments = [bucket.capacity, bucket.refill_per_s, cost]
            level, taken = await self._take(keys=[_PREFIX + key], args=arguments)
            return float(level), bool(taken)
        except (RedisError, OSError) as error:
            self._note_fallback(error)
            return self._take_locally(key, bucket, cost)

    def _take_locally(self, key: str, bucket: Bucket, cost: int) -> tuple[float, bool]:
        if len(self._local) >= _MAX_LOCAL:
            self._local.clear()
        now = time.monotonic()
        level, at = self._local.get(key, (float(bucket.capacity), now))
        level = min(bucket.capacity, level + (now - at) * bucket.refill_per_s)
        taken = level >= cost
        self._local[key] = (level - cost if taken else level, now)
        return self._local[key][0], taken

    def _note_fallback(self, error: Exception) -> None:
        self.fallbacks += 1
        if time.monotonic() - self._logged_at > _LOG_EVERY_S:
            self._logged_at = time.monotonic()
            logger.warning("Redis is away, budgets are kept in this process", extra={"error": type(error).__name__})


@dataclass(frozen=True, slots=True)
class CallerBudget:
    """`graph.budget.Budget` of one caller."""

    budgets: Budgets
    operation_limit: int
    bucket: Bucket
    key: str

    is_enforced: ClassVar[bool] = True

    def refund(self, amount: int) -> BudgetState:  # noqa: ARG002 - until budgets give back
        return BudgetState(self.bucket.capacity, self.bucket.capacity, datetime.now(UTC), 0)

    async def require_some(self) -> None:
        return

    async def charge(self, cost: int) -> BudgetState:
        """Take `cost`. Raises BudgetExhausted."""
        level, taken = await self.budgets.spend(self.key, self.bucket, cost)
        missing = self.bucket.capacity - level
        state = BudgetState(
            limit=self.bucket.capacity,
            remaining=int(level),
            reset_at=datetime.now(UTC) + timedelta(seconds=missing / self.bucket.refill_per_s),
            cost=cost,
            retry_after_s=0.0 if taken else (cost - level) / self.bucket.refill_per_s,
        )
        if not taken:
            raise BudgetExhausted(state)
        return state
