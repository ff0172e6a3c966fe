"""Budgets of callers: the total cost of their operations, and their time in the database."""

import logging
from time import monotonic

from graph.cost.budget import BudgetExhausted, BudgetState, DatabaseTimeExhausted
from runtime.bounded_map import LruMap
from settings import Settings
from web.limits.bucket_registry import Buckets
from web.limits.token_bucket import Bucket, BucketSize

_LOG_EVERY_S = 60.0
_MOST_LOGGED = 1000
_LEAST_WAIT_S = 0.001

logger = logging.getLogger(__name__)


class Budgets:
    """All callers' budgets: of each account, and of each address of signed-out callers."""

    def __init__(self, settings: Settings, buckets: Buckets) -> None:
        self._of_account = _with_debt(settings.cost_bucket_user, settings.cost_refill_user_per_s)
        self._of_address = _with_debt(settings.cost_bucket_ip, settings.cost_refill_ip_per_s)
        self._time_of_account = _with_debt(
            settings.database_time_user_ms, settings.database_time_refill_user_ms_per_s
        )
        self._time_of_address = _with_debt(
            settings.database_time_ip_ms, settings.database_time_refill_ip_ms_per_s
        )
        self.points_per_database_ms = settings.cost_per_database_ms
        # No operation may cost more than the bucket ever holds.
        self._account_limit = min(settings.cost_limit, settings.cost_bucket_user)
        self._address_limit = min(settings.cost_limit, settings.cost_bucket_ip)
        self._buckets = buckets
        self._logged_at = LruMap[str, float](_MOST_LOGGED)
        self.would_be_refused = 0
        """How many operations exceeded the budget and ran anyway (cost-limiting is off), since the
        process started.
        """
        self.refused = 0
        """How many operations were refused, since the process started."""
        self.refused_for_time = 0
        """How many of them by their caller's time in the database."""
        self.charged = 0
        """Points charged for operations, since the process started."""
        self.refunded = 0
        """Points among them that were given back, since operations cost less."""
        self.database_ms = 0.0
        """Milliseconds that operations spent in the database, since the process started."""

    def of(
        self, account_id: int | None, address: str, *, is_enforced: bool = True
    ) -> "CallerBudget":
        """Get a caller's budget: the account's, or the address's when signed out."""
        find = self._buckets.find
        if account_id is not None:
            return CallerBudget(
                self,
                self._buckets,
                find("budget", account_id, self._of_account),
                find("database", account_id, self._time_of_account),
                self._account_limit,
                is_enforced=is_enforced,
            )
        return CallerBudget(
            self,
            self._buckets,
            find("budget", address, self._of_address),
            find("database", address, self._time_of_address),
            self._address_limit,
            is_enforced=is_enforced,
        )

    def refuse(self, bucket: Bucket, error: BudgetExhausted, *, is_enforced: bool) -> None:
        """Refuse, or count what would be refused. Raises `error`."""
        if is_enforced:
            self.refused += 1
            self.refused_for_time += isinstance(error, DatabaseTimeExhausted)
            raise error
        self.would_be_refused += 1
        now, state = monotonic(), error.state
        if now - self._logged_at.get(bucket.key, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged_at.keep(bucket.key, now)
            fields = {"budget": bucket.key, "remaining": state.remaining, "cost": state.cost}
            logger.warning(
                "an operation would be refused: its caller's budget does not cover it", extra=fields
            )


class CallerBudget:
    """`graph.cost.budget.Budget` of one caller."""

    __slots__ = ("_bucket", "_buckets", "_budgets", "_time", "is_enforced", "operation_limit")

    def __init__(
        self,
        budgets: Budgets,
        buckets: Buckets,
        bucket: Bucket,
        time: Bucket,
        operation_limit: int,
        *,
        is_enforced: bool,
    ) -> None:
        self._budgets, self._buckets, self._bucket = budgets, buckets, bucket
        self._time = time
        self.operation_limit, self.is_enforced = operation_limit, is_enforced

    @property
    def points_per_database_ms(self) -> float:
        return self._budgets.points_per_database_ms

    async def charge(self, cost: int) -> BudgetState:
        now = monotonic()
        if self._time.is_in_debt(now):
            wait_s = max(self._time.wait_s(0, now), _LEAST_WAIT_S)
            error = DatabaseTimeExhausted(wait_s, self._state(cost))
            self._budgets.refuse(self._time, error, is_enforced=self.is_enforced)
        if self._bucket.spend(cost, now) or await self._take(cost):
            self._budgets.charged += cost
            return self._state(cost)
        state = self._state(cost, wait_for=cost)
        self._budgets.refuse(self._bucket, BudgetExhausted(state), is_enforced=self.is_enforced)
        return state

    def charge_now(self, cost: int, actual: int) -> BudgetState | None:
        """Take `actual` if the lease of this process covers both. None: see `charge`."""
        now = monotonic()
        if self._time.is_in_debt(now) or not self._bucket.spend(actual, now, at_least=cost):
            return None
        self._budgets.charged += actual
        return self._state(actual)

    async def charge_soon(self, cost: int) -> BudgetState | None:
        """Take `cost` if the lease or Redis has it. None: see `charge`, which tells why not."""
        if self._time.is_in_debt(monotonic()) or not await self._take(cost):
            return None
        self._budgets.charged += cost
        return self._state(cost)

    def spend_database_time(self, milliseconds: float) -> None:
        self._budgets.database_ms += milliseconds
        self._time = self._buckets.current(self._time)
        self._time.owe(milliseconds, monotonic())

    def refund(self, amount: int) -> BudgetState:
        self._bucket = self._buckets.current(self._bucket)
        if amount < 0:
            self._bucket.owe(-amount, monotonic())
            self._budgets.charged -= amount
        else:
            self._bucket.give_back(amount, monotonic())
            self._budgets.refunded += amount
        return self._state(0)

    async def _take(self, amount: int) -> bool:
        self._bucket = self._buckets.current(self._bucket)
        return await self._buckets.take(self._bucket, amount)

    def _state(self, cost: int, wait_for: int = 0) -> BudgetState:
        bucket, now = self._bucket, monotonic()
        size = bucket.size
        retry_after_s = max(bucket.wait_s(wait_for, now), _LEAST_WAIT_S) if wait_for else 0.0
        return BudgetState(
            size.capacity, int(bucket.level(now)), cost, size.refill_per_s, retry_after_s
        )


def _with_debt(capacity: int, refill_per_s: float) -> BucketSize:
    """A bucket that may owe as much as it holds: what operations did cost is known afterwards."""
    return BucketSize(capacity, refill_per_s, debt=capacity)
