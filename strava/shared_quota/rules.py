"""What the operator chose: how much of the quota backfills leave to others, and how turns go."""

from dataclasses import dataclass

from strava.shared_quota.limits import Numbers


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """What the operator chose.

    `assumed` holds until Strava tells the limits. Backfills leave `reserve_percent` of each window
    to others, and `turn` is the length of an athlete's turn in requests. A request is answered, or
    given up, within `call_s` seconds.
    """

    assumed: Numbers
    reserve_percent: int
    turn: int
    call_s: float

    def reserve(self, limit: int) -> int:
        """Requests of a window that backfills leave; at least one is theirs."""
        return min(-(-limit * self.reserve_percent // 100), limit - 1)
