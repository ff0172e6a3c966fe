"""Budgets of callers: what their operations may cost together."""

import logging
from time import monotonic

from graph.budget import BudgetExhausted, BudgetState
from settings import Settings
from web.limits.bucket import Bucket, BucketSize
from web.limits.buckets import Buckets

_LOG_EVERY_S = 60.0
_MOST_LOGGED = 1000
_LEAST_WAIT_S = 0.001

logger = logging.getLogger(__name__)


class Budgets:
    """All callers' budgets: one for each account, and one for each address of those signed out."""

    def __init__(self, settings: Settings, buckets: Buckets) -> None:
        self._of_account = BucketSize(settings.cost_bucket_user, settings.cost_refill_user_per_s)
        self._of_address = BucketSize(settings.cost_bucket_ip, settings.cost_refill_ip_per_s)
        # No operation may cost more than the bucket ever holds.
        self._account_limit = min(settings.cost_limit, settings.cost_bucket_user)
        self._address_limit = min(settings.cost_limit, settings.cost_bucket_ip)
        self._buckets = buckets
        self._logged_at: dict[str, float] = {}
        self.would_be_refused = 0
        """How many operations were not covered and ran all the same (cost-limiting off), since the process started."""
        self.refused = 0
        """How many were refused."""

    def of(self, account_id: int | None, address: str, *, is_enforced: bool = True) -> "CallerBudget":
        """Get a caller's budget: the account's, or without one the address's."""
        if account_id is not None:
            bucket = self._buckets.find("budget", account_id, self._of_account)
            return CallerBudget(self, self._buckets, bucket, self._account_limit, is_enforced=is_enforced)
        bucket = self._buckets.find("budget", address, self._of_address)
        return CallerBudget(self, self._buckets, bucket, self._address_limit, is_enforced=is_enforced)

    def refuse(self, bucket: Bucket, state: BudgetState, *, is_enforced: bool) -> None:
        """Refuse, or note that it would be refused. Raises BudgetExhausted."""
        if is_enforced:
            self.refused += 1
            raise BudgetExhausted(state)
        self.would_be_refused += 1
        now = monotonic()
        if now - self._logged_at.get(bucket.key, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            if len(self._logged_at) >= _MOST_LOGGED:
                self._logged_at.clear()
            self._logged_at[bucket.key] = now
            fields = {"budget": bucket.key, "remaining": state.remaining, "cost": state.cost}
            logger.warning("an operation would be refused: its caller's budget does not cover it", extra=fields)


class CallerBudget:
    """`graph.budget.Budget` of one caller."""

    __slots__ = ("_bucket", "_buckets", "_budgets", "is_enforced", "operation_limit")

    def __init__(
        self, budgets: Budgets, buckets: Buckets, bucket: Bucket, operation_limit: int, *, is_enforced: bool
    ) -> None:
        self._budgets, self._buckets, self._bucket = budgets, buckets, bucket
        self.operation_limit, self.is_enforced = operation_limit, is_enforced

    async def charge(self, cost: int) -> BudgetState:
        if self._bucket.spend(cost, monotonic()) or await self._take(cost):
            return self._state(cost)
        state = self._state(cost, wait_for=cost)
        self._budgets.refuse(self._bucket, state, is_enforced=self.is_enforced)
        return state

    def refund(self, amount: int) -> BudgetState:
        self._bucket = self._buckets.current(self._bucket)
        self._bucket.give_back(amount, monotonic())
        return self._state(0)

    async def _take(self, amount: int) -> bool:
        self._bucket = self._buckets.current(self._bucket)
        return await self._buckets.take(self._bucket, amount)

    def _state(self, cost: int, wait_for: int = 0) -> BudgetState:
        bucket, now = self._bucket, monotonic()
        size = bucket.size
        retry_after_s = max(bucket.wait_s(wait_for, now), _LEAST_WAIT_S) if wait_for else 0.0
        return BudgetState(size.capacity, int(bucket.level(now)), cost, size.refill_per_s, retry_after_s)
