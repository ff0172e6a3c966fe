"""One caller's bucket, as this process knows it. Times are of the monotonic clock."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

_LEASES = 50
_LEASE_S = 1.0
_AHEAD_S = 0.2
"""Seconds before its end at which a lease that is in use is renewed."""
_LEAST_LEFT = 4
"""It is renewed too when less than this part of it is left."""
_LEAST_REFUSAL_S = 0.02
_LONGEST_REFUSAL_S = 1.0


@dataclass(frozen=True, slots=True)
class BucketSize:
    """How much a bucket holds, how fast it fills, and how much it may owe at most."""

    capacity: int
    refill_per_s: float
    debt: int = 0

    @property
    def lease(self) -> int:
        """The part that a process takes ahead: a fiftieth."""
        return self.capacity // _LEASES


class Bucket:
    """A bucket's state in Redis as last read, and the lease that this process may spend.

    A lease is a part of the bucket, taken ahead and spent here within a second, or renewed while it
    is in use: nobody then waits for Redis. While it lasts, the bucket refills without it. So a
    caller may have a lease more than the capacity for each process that serves it: at most a
    fiftieth, and never more in the long run. While Redis is away, the bucket is kept `alone`, from
    its last known level. The difference is settled when Redis is back.
    """

    __slots__ = (
        "_alone", "_alone_at", "_at", "_leased", "_leased_until", "_level", "_owed", "_refused", "_refused_until",
        "_renew", "_renew_at", "_renew_below", "_sent", "asks", "key", "name", "size",
    )  # fmt: skip

    def __init__(
        self,
        name: tuple[str, int | str],
        key: str,
        size: BucketSize,
        now: float,
        renew: "Callable[[Bucket], None]",
    ) -> None:
        """Make a full bucket. `renew` is called when what is spent is of a lease that ends soon."""
        self.name, self.key, self.size = name, key, size
        self._renew, self._renew_at, self._renew_below = renew, inf, 0
        self.asks = 0
        """How many requests to Redis about it are in progress."""
        self._level, self._at = float(size.capacity), now
        self._leased, self._leased_until = 0, now
        self._owed = self._sent = 0.0
        self._alone: float | None = None
        self._alone_at = now
        self._refused, self._refused_until = 0, now

    def spend(self, amount: int, now: float, at_least: int = 0) -> bool:
        """Take `amount` from the lease, if that covers it, and has `at_least` as much."""
        if amount <= self._leased >= at_least and now < self._leased_until:
            self._leased -= amount
            if now >= self._renew_at or self._leased < self._renew_below:
                self._renew(self)
            return True
        return False

    def is_refused(self, amount: int, now: float) -> bool:
        """Tell whether Redis refused as much a moment ago and need not be asked again."""
        return now < self._refused_until and amount >= self._refused

    def give_back(self, amount: int, now: float) -> None:
        """Return an amount that was not used."""
        self._refused_until = now
        if self._alone is not None:
            self._alone = min(self.size.capacity, self._alone_level(now) + amount)
            self._alone_at = now
        elif now < self._leased_until and self._leased + amount <= self.size.lease:
            self._leased += amount
        else:
            self._owed += amount

    def owe(self, amount: float, now: float) -> None:
        """Take an amount that is already spent, even if the bucket holds less."""
        if self._alone is not None:
            self._alone, self._alone_at = self._bounded(self._alone_level(now) - amount), now
        else:
            of_lease = min(self._leased, int(amount))
            self._leased -= of_lease
            self._owed -= amount - of_lease

    def level(self, now: float) -> float:
        """Get the level, leases included, as far as this process knows."""
        if self._alone is not None:
            return max(0.0, self._alone_level(now))
        size = self.size
        level = self._level + (now - self._at) * size.refill_per_s
        level = min(level, size.capacity)
        level += self._leased + self._owed
        if level > size.capacity:
            return size.capacity
        return level if level > 0 else 0.0

    def is_in_debt(self, now: float) -> bool:
        """Tell whether more was spent than the bucket held, and has not come back yet."""
        if self._alone is None and self._level + self._leased + self._owed >= 0:
            return False  # refilling only adds
        return self._balance(now) < 0

    def wait_s(self, amount: int, now: float) -> float:
        """Get the seconds until the bucket holds `amount`."""
        return max(0.0, (amount - self._balance(now)) / self.size.refill_per_s)

    # --- with Redis

    @property
    def is_unsettled(self) -> bool:
        """Whether Redis lacks a change."""
        return self._leased > 0 or self._owed != 0 or self._alone is not None

    def is_idle(self, now: float) -> bool:
        """Tell whether the bucket is full, and Redis knows."""
        return (
            not self.asks
            and not self.is_unsettled
            and self._shared_level(now) >= self.size.capacity
        )

    def has_lease(self, now: float) -> bool:
        return self._leased > 0 and now < self._leased_until

    def begin_settling(self, now: float) -> tuple[float, float]:
        """Get the level to use if Redis has none, and the amount to add; both are Redis's now."""
        level = self._shared_level(now)
        back = self._leased + self._owed if self._alone is None else self._alone_level(now) - level
        self._leased, self._owed, self._alone = 0, 0.0, None
        return level, back

    def begin_renewing(self, now: float) -> tuple[float, float, int]:
        """Do as `begin_settling` does, but keep the lease; also gets what it lacks."""
        if self._alone is not None:
            return *self.begin_settling(now), 0
        self._sent = self._owed  # it counts here until Redis answers: charges go on meanwhile
        return self._shared_level(now), self._sent, max(0, self.size.lease - self._leased)

    def settled(
        self, level: float, leased: int, asked_at: float, now: float, *, is_renewed: bool = False
    ) -> None:
        """Apply Redis's answer: its level, and a lease that begins when it was requested.

        The lease is a new one, or what was kept of the one before and more (`is_renewed`).
        """
        self._level, self._at = level, now
        self._owed, self._sent = self._owed - self._sent, 0.0
        if not (leased or is_renewed):
            return
        self._leased += leased
        if (beyond := self._leased - self.size.lease) > 0:  # given back meanwhile
            self._leased, self._owed = self._leased - beyond, self._owed + beyond
        self._leased_until = asked_at + _LEASE_S
        self._renew_at = self._leased_until - _AHEAD_S
        self._renew_below = self._leased // _LEAST_LEFT

    def refused(self, amount: int, now: float) -> None:
        """Remember that the bucket does not hold `amount`."""
        wait_s = min(max(self.wait_s(amount, now), _LEAST_REFUSAL_S), _LONGEST_REFUSAL_S)
        self._refused, self._refused_until = amount, now + wait_s

    # --- without

    def lose_redis(self, back: float, now: float) -> None:
        """Keep the bucket in this process from now on.

        `back` is an amount that was sent to Redis, which may not have received it.
        """
        if self._alone is None:
            self._alone = self._bounded(self._balance(now) + back - self._sent)
            self._alone_at = now
            self._leased, self._owed, self._sent = 0, 0.0, 0.0

    def spend_alone(self, amount: int, now: float) -> bool:
        """Take `amount` without Redis, if the bucket holds it."""
        self.lose_redis(0, now)
        self._alone, self._alone_at = self._alone_level(now), now
        if amount and self._alone < amount:
            return False
        self._alone -= amount
        return True

    def _balance(self, now: float) -> float:
        """Get the level, below 0 for a debt."""
        if self._alone is not None:
            return self._alone_level(now)
        return self._bounded(self._shared_level(now) + self._leased + self._owed)

    def _bounded(self, level: float) -> float:
        return max(-self.size.debt, min(self.size.capacity, level))

    def _alone_level(self, now: float) -> float:
        assert self._alone is not None
        return min(
            self.size.capacity, self._alone + (now - self._alone_at) * self.size.refill_per_s
        )

    def _shared_level(self, now: float) -> float:
        return min(self.size.capacity, self._level + (now - self._at) * self.size.refill_per_s)
