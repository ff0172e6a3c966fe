"""One caller's bucket, as this process knows it. Times are of the monotonic clock."""

from dataclasses import dataclass

_LEASES = 50
_LEASE_S = 1.0
_LEAST_REFUSAL_S = 0.02
_LONGEST_REFUSAL_S = 1.0


@dataclass(frozen=True, slots=True)
class BucketSize:
    """How much a bucket holds, and how fast it fills."""

    capacity: int
    refill_per_s: float

    @property
    def lease(self) -> int:
        """How much a process takes ahead: a fiftieth."""
        return self.capacity // _LEASES


class Bucket:
    """What Redis last said, and what this process may spend without asking again.

    A lease is a part of the bucket, taken ahead and spent here within a second. As long as it lasts the bucket fills
    without it, so a caller may have a lease's worth more at once than the capacity for each process that serves them:
    at most a fiftieth of it, and never more in the long run.

    While Redis is away the bucket is kept `alone`, from what was last known on; when it is back, the difference is
    settled.
    """

    __slots__ = (
        "_alone", "_alone_at", "_at", "_leased", "_leased_until", "_level", "_owed", "_refused", "_refused_until",
        "asks", "key", "name", "size",
    )  # fmt: skip

    def __init__(self, name: tuple[str, int | str], key: str, size: BucketSize, now: float) -> None:
        self.name, self.key, self.size = name, key, size
        self.asks = 0
        """How often Redis is being asked about it now."""
        self._level, self._at = float(size.capacity), now
        self._leased, self._leased_until = 0, now
        self._owed = 0.0
        self._alone: float | None = None
        self._alone_at = now
        self._refused, self._refused_until = 0, now

    def spend(self, amount: int, now: float) -> bool:
        """Take `amount` out of the lease, if that covers it."""
        if amount <= self._leased and now < self._leased_until:
            self._leased -= amount
            return True
        return False

    def is_refused(self, amount: int, now: float) -> bool:
        """Tell whether Redis refused as much a moment ago: then it need not be asked again."""
        return now < self._refused_until and amount >= self._refused

    def give_back(self, amount: int, now: float) -> None:
        """Take back what was not used."""
        self._refused_until = now
        if self._alone is not None:
            self._alone = min(self.size.capacity, self._alone_level(now) + amount)
            self._alone_at = now
        elif now < self._leased_until and self._leased + amount <= self.size.lease:
            self._leased += amount
        else:
            self._owed += amount

    def level(self, now: float) -> float:
        """Tell what is left in all, as far as this process knows."""
        if self._alone is not None:
            return self._alone_level(now)
        return max(0.0, min(self.size.capacity, self._shared_level(now) + self._leased + self._owed))

    def wait_s(self, amount: int, now: float) -> float:
        """Tell how long it takes until the bucket holds `amount`."""
        return max(0.0, (amount - self.level(now)) / self.size.refill_per_s)

    # --- with Redis

    @property
    def is_unsettled(self) -> bool:
        """Whether there is anything that Redis does not know."""
        return self._leased > 0 or self._owed != 0 or self._alone is not None

    def is_idle(self, now: float) -> bool:
        """Tell whether the bucket is as full as a new one, and Redis knows."""
        return not self.asks and not self.is_unsettled and self._shared_level(now) >= self.size.capacity

    def has_lease(self, now: float) -> bool:
        return self._leased > 0 and now < self._leased_until

    def begin_settling(self, now: float) -> tuple[float, float]:
        """Get what Redis's level should be, and what is to be added to it; all of it is Redis's from now on."""
        level = self._shared_level(now)
        back = self._leased + self._owed if self._alone is None else self._alone_level(now) - level
        self._leased, self._owed, self._alone = 0, 0.0, None
        return level, back

    def settled(self, level: float, leased: int, asked_at: float, now: float) -> None:
        """Note Redis's answer: its level, and a new lease, which begins when it was asked for."""
        self._level, self._at = level, now
        if leased:
            self._leased += leased
            self._leased_until = asked_at + _LEASE_S

    def refused(self, amount: int, now: float) -> None:
        """Note that the bucket does not hold `amount`."""
        wait_s = min(max(self.wait_s(amount, now), _LEAST_REFUSAL_S), _LONGEST_REFUSAL_S)
        self._refused, self._refused_until = amount, now + wait_s

    # --- without

    def lose_redis(self, back: float, now: float) -> None:
        """Keep the bucket here from now on. `back` is what Redis was told and may not have heard."""
        if self._alone is None:
            self._alone = max(0.0, min(self.size.capacity, self.level(now) + back))
            self._alone_at = now
            self._leased, self._owed = 0, 0.0

    def spend_alone(self, amount: int, now: float) -> bool:
        """Take `amount` without Redis, if there is as much."""
        self.lose_redis(0, now)
        self._alone, self._alone_at = self._alone_level(now), now
        if self._alone < amount:
            return False
        self._alone -= amount
        return True

    def _alone_level(self, now: float) -> float:
        assert self._alone is not None
        return min(self.size.capacity, self._alone + (now - self._alone_at) * self.size.refill_per_s)

    def _shared_level(self, now: float) -> float:
        return min(self.size.capacity, self._level + (now - self._at) * self.size.refill_per_s)
